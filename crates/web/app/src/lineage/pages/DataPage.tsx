import { useMemo } from "react";
import { Copy } from "../../design/Copy";
import { middle } from "../../format/names";
import { EdgeType } from "../../generated/herdbook/lineage/v1/graph_pb";
import { setQuery, usePlace } from "../../state/url";
import { Explorer } from "../Explorer";
import { Exports } from "../Exports";
import { grouped, type Link, type Member, type Pedigree } from "../graph/pedigree";
import { useGraph } from "../graphs";
import { NodeLink, Tags } from "../NodeLink";
import { NodePicker } from "../NodePicker";
import { brief, called, several } from "../nodes";
import { AsOf, nameOf, Question, Say, Unanswered } from "../Question";
import { distance, listing } from "../words";

const KINDS = ["model_version", "run"];

/** What data trained a version: what its run read, what that was made from, and the way from each. */
export function DataPage() {
  const node = usePlace().query.get("node") ?? "";
  const answer = useGraph(node, "back");
  const pedigree = answer.data;
  const found = useMemo(() => pedigree && dataOf(pedigree), [pedigree]);
  const shown = useMemo(() => pedigree && fromData(pedigree), [pedigree]);
  const [first] = pedigree?.focus ?? [];
  const subject = first === undefined ? undefined : pedigree?.members.get(first);
  const name = subject ? called(subject.node).title : nameOf(node);
  return (
    <Question
      title={node ? `What data trained ${name}?` : "What data trained a model?"}
      node={pedigree?.reference ?? node}
      actions={pedigree && <Exports node={pedigree.reference} descendants={false} depth={0} />}
      asked={
        <>
          <NodePicker
            label="version or run"
            value={node}
            kinds={KINDS}
            onTake={(next) => setQuery({ node: next, open: undefined, pick: undefined }, { push: true })}
            wrong={answer.error !== undefined}
          />
          <AsOf />
        </>
      }
    >
      {node && <Unanswered answer={answer} what={`The lineage of ${nameOf(node)}`} />}
      {!node && <p className="soft">Name a version, such as fraud-detector@Production, or a run.</p>}
      {pedigree && found && (
        <>
          <Say tone={found.read.length === 0 ? "warn" : undefined}>{sentence(found, subject)}</Say>
          {found.all.length > 0 && (
            <table className="facts">
              <thead>
                <tr>
                  <th>Data set</th>
                  <th>Digest</th>
                  <th>Role</th>
                  <th>Tags</th>
                  <th className="wide-only">Where it lies</th>
                </tr>
              </thead>
              <tbody>
                {found.all.map(({ member, role }) => (
                  <tr key={member.id}>
                    <th scope="row">
                      <NodeLink node={member.node} />
                    </th>
                    <td className="mono" title={member.key.version}>
                      {brief(member.key.version)}
                      {member.key.version && <Copy text={member.key.version} />}
                    </td>
                    <td>{role}</td>
                    <td>
                      <Tags tags={member.node.tags} />
                    </td>
                    <td className="soft wide-only" title={member.node.attributes["uri"]}>
                      {middle(member.node.attributes["uri"] ?? "", 40)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {shown && (
            <Explorer question={`data ${node}`} pedigree={shown} path={found.way} name={`data of ${name}`} />
          )}
        </>
      )}
    </Question>
  );
}

interface Found {
  /** What the runs read that made it. */
  read: Member[];
  /** All data, what was read first. */
  all: { member: Member; role: string }[];
  way: Pick<Pedigree, "members" | "links">;
}

/** Data and what came from it: code and environments have their places in the whole pedigree. */
function fromData(pedigree: Pedigree): Pedigree {
  const { members, links, focus } = pedigree;
  const outgoing = grouped(links, ({ source }) => source);
  const reached = new Set(focus);
  const front = [...members.values()].filter(isData).map(({ id }) => id);
  for (let id = front.pop(); id !== undefined; id = front.pop()) {
    if (reached.has(id) && !focus.has(id)) continue;
    reached.add(id);
    for (const { target } of outgoing.get(id) ?? []) if (!reached.has(target)) front.push(target);
  }
  return { ...pedigree, members: new Map([...members].filter(([id]) => reached.has(id))) };
}

const isData = ({ key }: Member) => key.kind === "dataset" || key.kind === "feature_set";

function dataOf(pedigree: Pedigree): Found {
  const { members, links, focus } = pedigree;
  const makers = new Set<string>();
  for (const id of focus) if (members.get(id)?.key.kind === "run") makers.add(id);
  for (const { source, target, type } of links) {
    if (type === EdgeType.GENERATED && focus.has(target)) makers.add(source);
  }
  const reads = links.filter(({ source, target, type }) => {
    const member = members.get(source);
    return type === EdgeType.USED && makers.has(target) && member !== undefined && isData(member);
  });
  const read = [...new Set(reads.map(({ source }) => source))].flatMap((id) => members.get(id) ?? []);
  const roles = new Map(read.map(({ id }) => [id, rolesOf(reads, id)]));
  const others = [...members.values()].filter((member) => isData(member) && !roles.has(member.id));
  const onWay = new Set([...focus, ...makers, ...roles.keys()]);
  return {
    read,
    all: [
      ...read.map((member) => ({ member, role: roles.get(member.id) ?? "" })),
      ...others.map((member) => ({ member, role: `upstream, ${distance(member.depth)}` })),
    ],
    way: {
      members: new Map([...members].filter(([id]) => onWay.has(id))),
      links: links.filter(({ source, target }) => onWay.has(source) && onWay.has(target)),
    },
  };
}

function rolesOf(reads: readonly Link[], id: string): string {
  const labels = new Set(reads.filter(({ source }) => source === id).map(({ label }) => label || "read"));
  return [...labels].join(", ");
}

function sentence({ read, all }: Found, subject: Member | undefined): string {
  const words = subject ? called(subject.node) : undefined;
  const name = words ? (words.detail ? `${words.title} (${words.detail})` : words.title) : "It";
  if (all.length === 0) return `No data is recorded that ${name} came from.`;
  if (read.length === 0) {
    return `What the run that made ${name} read is not recorded; ${several(all.length, "dataset")} lie farther back.`;
  }
  const names = listing(read.slice(0, 3).map(({ key }) => key.name));
  const more = read.length > 3 ? ` and ${several(read.length - 3, "dataset")} more` : "";
  const upstream = all.length - read.length;
  const rest = upstream
    ? `, which ${read.length === 1 ? "goes" : "go"} back to ${several(upstream, "dataset")} more`
    : "";
  return `${name} was trained on ${names}${more}${rest}.`;
}

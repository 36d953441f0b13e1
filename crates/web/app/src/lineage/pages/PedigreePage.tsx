import { useMemo } from "react";
import { count } from "../../format/numbers";
import { setQuery, usePlace } from "../../state/url";
import { Explorer, KIND_ORDER } from "../Explorer";
import { Exports } from "../Exports";
import { byKind, type Pedigree } from "../graph/pedigree";
import { MOST, useGraph, type Ways } from "../graphs";
import { Members } from "../Members";
import { NodePicker } from "../NodePicker";
import { called, parsed, several } from "../nodes";
import { AsOf, nameOf, Question, Say, Unanswered } from "../Question";
import { listing } from "../words";

/** All that something came from, and all that came of it. */
export function PedigreePage() {
  const { query } = usePlace();
  const node = query.get("node") ?? "";
  const kind = parsed(node)?.kind ?? "model_version";
  const ways = (query.get("ways") ?? waysOf(kind)) as Ways;
  const depth = Number(query.get("depth") ?? 0) || 0;
  const answer = useGraph(node, ways, depth);
  const pedigree = answer.data;
  const subject = useMemo(() => subjectOf(pedigree, node), [pedigree, node]);
  const title =
    ways === "back"
      ? `Where does ${subject.title} come from?`
      : ways === "on"
        ? `What came of ${subject.title}?`
        : `What did ${subject.title} come from, and what came of it?`;
  return (
    <Question
      title={title}
      node={pedigree?.reference ?? node}
      actions={pedigree && <Exports node={pedigree.reference} descendants={ways === "on"} depth={depth} />}
      asked={
        <>
          <NodePicker
            label="of"
            value={node}
            onTake={(next) =>
              setQuery({ node: next, open: undefined, pick: undefined, ways: undefined }, { push: true })
            }
            wrong={answer.error !== undefined}
          />
          <span className="field">
            <span id="ways">show</span>
            <span role="group" aria-labelledby="ways" className="segments">
              {(
                [
                  ["back", "came from"],
                  ["on", "came of it"],
                  ["both", "both"],
                ] as const
              ).map(([value, words]) => (
                <button
                  key={value}
                  type="button"
                  className="button"
                  aria-pressed={ways === value}
                  onClick={() => setQuery({ ways: value, open: undefined })}
                >
                  {words}
                </button>
              ))}
            </span>
          </span>
          <label className="field">
            as far as
            <select
              className="input"
              value={depth}
              onChange={(event) =>
                setQuery({ depth: event.target.value === "0" ? undefined : event.target.value })
              }
            >
              <option value={0}>the end</option>
              {[1, 2, 3, 5, 10].map((steps) => (
                <option key={steps} value={steps}>
                  {steps} {steps === 1 ? "step" : "steps"}
                </option>
              ))}
            </select>
          </label>
          <AsOf />
        </>
      }
    >
      <Unanswered answer={answer} what={`The lineage of ${nameOf(node)}`} />
      {pedigree && (
        <>
          <Say>{sentence(pedigree, ways, subject)}</Say>
          {pedigree.truncated && (
            <p className="warn" role="status">
              {depth > 0
                ? `There is more than ${depth} steps away.`
                : `These are the nearest ${count(MOST)}: there is more. Ask for fewer steps, or save all of it by Export.`}
            </p>
          )}
          <Explorer question={`${node} ${ways}`} pedigree={pedigree} name={`lineage of ${subject.title}`} />
          <Members pedigree={pedigree} />
        </>
      )}
    </Question>
  );
}

/** What people ask of a kind of things when they say no more. */
function waysOf(kind: string): Ways {
  if (kind === "model_version" || kind === "deployment" || kind === "logged_model") return "back";
  return kind === "run" || kind === "artifact" ? "both" : "on";
}

/** What was asked about: by its name where it is one node. */
function subjectOf(pedigree: Pedigree | undefined, node: string): { title: string; detail: string } {
  const [first, ...others] = pedigree?.focus ?? [];
  const member = first === undefined ? undefined : pedigree?.members.get(first);
  if (!member) return { title: nameOf(node), detail: "" };
  if (others.length > 0)
    return { title: member.key.name, detail: `${count(others.length + 1)} states of it` };
  return called(member.node);
}

function sentence(pedigree: Pedigree, ways: Ways, subject: { title: string; detail: string }): string {
  const side = (before: boolean) => {
    const members = new Map(
      [...pedigree.members].filter(([, { depth }]) => (before ? depth < 0 : depth > 0)),
    );
    const kinds = byKind({ ...pedigree, members }, KIND_ORDER);
    return listing(kinds.map(([kind, all]) => several(all.length, kind)));
  };
  const [back, on] = [side(true), side(false)];
  const named = subject.detail ? `${subject.title} (${subject.detail})` : subject.title;
  const parts = [];
  if (ways !== "on") parts.push(back ? `came from ${back}` : "is not known to have come from anything");
  if (ways !== "back") {
    parts.push(on ? `led to ${on}` : "is not known to have led to anything");
  }
  return `${named} ${parts.join("; it ")}.`;
}

import { useMemo } from "react";
import { useAnswer } from "../../api/answer";
import { messageOf } from "../../api/errors";
import { lineage } from "../../api/lineage";
import { fileName, save } from "../../charts/export";
import { Copy } from "../../design/Copy";
import { count } from "../../format/numbers";
import { absolute, millis } from "../../format/times";
import { toast } from "../../frame/toasts";
import { type ProveResponse, Verdict } from "../../generated/herdbook/lineage/v1/proof_pb";
import { listOf, listText, setQuery, usePlace } from "../../state/url";
import { Completeness } from "../Completeness";
import { Explorer, KIND_ORDER } from "../Explorer";
import { joined, ofPaths } from "../graph/pedigree";
import { useGraph } from "../graphs";
import { KeyLink } from "../NodeLink";
import { NodePicker } from "../NodePicker";
import { several, written } from "../nodes";
import { AsOf, nameOf, Question, Say, Unanswered } from "../Question";
import { resolved, useMoment } from "../reference";
import { listing } from "../words";
import { Steps } from "./PathPage";

const KINDS = ["model_version", "run"];
const NO_TAGS: readonly string[] = [];

/** Proof that nothing suspect went into a version: the verdict, what was examined, and what is not known. */
export function ProofPage() {
  const { query } = usePlace();
  const node = query.get("node") ?? "";
  const suspects = listOf(query, "suspects");
  const tags = query.has("tags") ? listOf(query, "tags") : NO_TAGS;
  const asked = node !== "" && (suspects.length > 0 || tags.length > 0);
  const { at, request } = useMoment();
  const answer = useAnswer(
    asked ? `proof ${node} ${suspects.join("\n")} ${tags.join("\n")} ${at}` : undefined,
    async (signal) => {
      const question = { node: await resolved(node, signal), suspects, suspectTags: [...tags], ...request };
      return { question, proof: await lineage.prove(question, { signal }) };
    },
    { keep: false },
  );
  const inherited = useAnswer(node ? `tags ${node} ${at}` : undefined, async (signal) =>
    lineage.getInheritedTags({ node: await resolved(node, signal), ...request }, { signal }),
  );
  const proof = answer.data?.proof;
  const ancestors = useGraph(asked ? node : "", "back").data;
  const evidence = useMemo(
    () => (proof?.evidence.length ? ofPaths(proof.evidence, "end") : undefined),
    [proof],
  );
  const pedigree = useMemo(
    () => (ancestors && evidence ? joined(ancestors, evidence) : (ancestors ?? evidence)),
    [ancestors, evidence],
  );
  const gaps = useMemo(
    () =>
      new Map(
        (proof?.unknowns ?? []).flatMap(({ node: where }) =>
          where ? [[written(where), "origin unknown"]] : [],
        ),
      ),
    [proof],
  );
  const among = (what: string) =>
    listing([...suspects.map(nameOf), ...tags.map((tag) => `${what} tagged ${tag}`)], "or");
  const suspected = among("anything");
  const name = nameOf(answer.data?.question.node ?? node);
  const saveProof = async () => {
    if (!answer.data) return;
    try {
      const parts: BlobPart[] = [];
      for await (const { chunk } of lineage.exportProof({ question: answer.data.question })) {
        parts.push(Uint8Array.from(chunk));
      }
      save(`proof-${fileName(name)}.json`, new Blob(parts, { type: "application/x-ndjson" }));
    } catch (error) {
      toast(messageOf(error));
    }
  };
  return (
    <Question
      title={
        asked ? `Does ${name} descend from ${suspected}?` : "Prove that nothing suspect went into a version"
      }
      node={answer.data?.question.node ?? node}
      actions={
        proof && (
          <>
            <button type="button" className="button" onClick={saveProof}>
              Save proof
            </button>
            <button type="button" className="button" onClick={() => window.print()}>
              Print
            </button>
          </>
        )
      }
      asked={
        <>
          <NodePicker
            label="version or run"
            value={node}
            kinds={KINDS}
            onTake={(next) => setQuery({ node: next, pick: undefined }, { push: true })}
          />
          <form
            className="field"
            onSubmit={(event) => {
              event.preventDefault();
              const text = new FormData(event.currentTarget).get("tags");
              if (typeof text !== "string") return;
              setQuery({ tags: listText(text.split(/[\s,]+/).filter(Boolean)) }, { push: true });
            }}
          >
            <label htmlFor="suspect-tags">must not descend from tags</label>
            <input
              id="suspect-tags"
              key={tags.join()}
              name="tags"
              className="input"
              defaultValue={tags.join(", ")}
              placeholder="biased, pii"
              size={16}
            />
          </form>
          <NodePicker
            label="nor from"
            value=""
            onTake={(next) =>
              setQuery({ suspects: listText([...new Set([...suspects, next])]) }, { push: true })
            }
          />
          {suspects.map((one) => (
            <button
              key={one}
              type="button"
              className="button"
              onClick={() => setQuery({ suspects: listText(suspects.filter((other) => other !== one)) })}
              title="ask without it"
            >
              {nameOf(one)} ✕
            </button>
          ))}
          <AsOf />
        </>
      }
    >
      {!asked && (
        <p className="soft">
          {node === ""
            ? "Name a version and what must not be among what it came from: a tag such as biased, or a data set."
            : "Say what must not be among what it came from: a tag, or a node."}
        </p>
      )}
      {inherited.data && inherited.data.tags.length > 0 && (
        <p className="soft no-print">
          Tags among what it came from:{" "}
          {inherited.data.tags.map(({ tag, carriers }) => (
            <button
              key={tag}
              type="button"
              className="tag"
              onClick={() => setQuery({ tags: listText([...new Set([...tags, tag])]) }, { push: true })}
              title={`on ${count(carriers)} nodes; ask about it`}
            >
              {tag} {count(carriers)}
            </button>
          ))}
        </p>
      )}
      {asked && <Unanswered answer={answer} what={`The lineage of ${nameOf(node)}`} />}
      {proof && (
        <>
          <Decided proof={proof} name={name} suspected={suspected} found={among("something")} />
          {proof.evidence.map((path) => (
            <section key={path.nodes[0]?.key && written(path.nodes[0].key)} aria-label="Evidence">
              <h2>How it got in</h2>
              <Steps path={path} />
            </section>
          ))}
          {proof.unknowns.length > 0 && <Gaps proof={proof} />}
          <Examined proof={proof} name={name} />
          {pedigree && (
            <Explorer
              question={`proof ${node}`}
              pedigree={pedigree}
              path={evidence}
              marks={gaps}
              name={`proof ${name}`}
            />
          )}
          <Completeness node={answer.data?.question.node ?? ""} />
        </>
      )}
    </Question>
  );
}

function Decided({
  proof,
  name,
  suspected,
  found,
}: {
  proof: ProveResponse;
  name: string;
  suspected: string;
  /** The same, where there is some. */
  found: string;
}) {
  switch (proof.verdict) {
    case Verdict.CLEAN:
      return (
        <Say tone="good">
          ✓ No. {name} does not descend from {suspected}: all {count(proof.examined.length)} things that it
          came from were examined, and each says what it came from.
        </Say>
      );
    case Verdict.TAINTED:
      return (
        <Say tone="bad">
          ✗ Yes. {name} descends from {found}, in {count(proof.evidence.length)}{" "}
          {proof.evidence.length === 1 ? "place" : "places"}.
        </Say>
      );
    default:
      return (
        <Say tone="warn">
          ? Not as far as is known. {name} does not descend from {suspected} that is recorded, but{" "}
          {count(proof.unknowns.length)} of the {count(proof.examined.length)} things that it came from do not
          say what they came from: this is no proof.
        </Say>
      );
  }
}

function Gaps({ proof }: { proof: ProveResponse }) {
  return (
    <section aria-label="What is not known">
      <h2>What is not known</h2>
      <table className="facts">
        <tbody>
          {proof.unknowns.map(({ node, missing }) => (
            <tr key={node && written(node)}>
              <th scope="row">
                <KeyLink node={node} />
              </th>
              <td>{missing}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Examined({ proof, name }: { proof: ProveResponse; name: string }) {
  const counts = new Map<string, number>();
  for (const { kind } of proof.examined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].sort(([a], [b]) => KIND_ORDER.indexOf(a) - KIND_ORDER.indexOf(b));
  const verify = `herdbook lineage verify proof-${fileName(name)}.json`;
  const decided = millis(proof.decidedAt);
  return (
    <table className="facts pairs proof-facts">
      <tbody>
        <tr>
          <th scope="row">examined</th>
          <td>{listing(kinds.map(([kind, number]) => several(number, kind)))}, itself included</td>
        </tr>
        <tr>
          <th scope="row">decided</th>
          <td>{decided !== undefined && absolute(decided)}</td>
        </tr>
        <tr>
          <th scope="row">digest of the proof</th>
          <td>
            <span className="value mono">{proof.digest}</span>
            <Copy text={proof.digest} />
          </td>
        </tr>
        <tr>
          <th scope="row">verify it anywhere</th>
          <td>
            <span className="value mono">{verify}</span>
            <Copy text={verify} />
          </td>
        </tr>
      </tbody>
    </table>
  );
}

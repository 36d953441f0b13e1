import { useMemo } from "react";
import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import type { Edge, Path } from "../../generated/herdbook/lineage/v1/graph_pb";
import { EdgeType } from "../../generated/herdbook/lineage/v1/graph_pb";
import { usePlace } from "../../state/url";
import { Explorer } from "../Explorer";
import { ofPaths } from "../graph/pedigree";
import { NodeLink, Tags } from "../NodeLink";
import { called, written } from "../nodes";
import { nameOf, Question, Say, Unanswered } from "../Question";
import { resolved, useMoment } from "../reference";
import { TwoEnds } from "../TwoEnds";

/** How one thing got into another: a shortest way, step by step. */
export function PathPage() {
  const { query } = usePlace();
  // Asked from a node's page it is about what led there.
  const from = query.get("from") ?? "";
  const to = query.get("to") ?? query.get("node") ?? "";
  const { at, request } = useMoment();
  const answer = useAnswer(
    from && to ? `path ${from} ${to} ${at}` : undefined,
    async (signal) => {
      const [start, end] = await Promise.all([resolved(from, signal), resolved(to, signal)]);
      const [on, back] = await Promise.all([
        lineage.findPath({ from: start, to: end, ...request }, { signal }),
        lineage.findPath({ from: end, to: start, ...request }, { signal }),
      ]);
      return { path: on.path, reverse: on.path === undefined && back.path !== undefined };
    },
    { keep: false },
  );
  const path = answer.data?.path;
  const pedigree = useMemo(() => (path ? ofPaths([path], "end") : undefined), [path]);
  const steps = path?.edges.length ?? 0;
  return (
    <Question
      title={
        from && to ? `How did ${nameOf(from)} get into ${nameOf(to)}?` : "How did one thing get into another?"
      }
      node={to}
      asked={<TwoEnds from={from} to={to} />}
    >
      {from && to ? (
        <Unanswered answer={answer} what="A way between them" />
      ) : (
        <p className="soft">Name both ends: what was there before, and what came of it.</p>
      )}
      {answer.data && (
        <Say>
          {path
            ? `${nameOf(to)} descends from ${nameOf(from)}, by ${steps} ${steps === 1 ? "step" : "steps"} at least.`
            : answer.data.reverse
              ? `No: it is the other way round. ${nameOf(from)} descends from ${nameOf(to)}; swap them to see how.`
              : `Neither descends from the other, as far as is recorded.`}
        </Say>
      )}
      {path && pedigree && (
        <>
          <Steps path={path} />
          <Explorer question={`path ${from} ${to}`} pedigree={pedigree} path={pedigree} name="way" />
        </>
      )}
    </Question>
  );
}

/** A way as a table, the ancestor first. */
export function Steps({ path }: { path: Path }) {
  return (
    <table className="facts way">
      <thead>
        <tr>
          <th>Step</th>
          <th>What</th>
          <th>Tags</th>
          <th className="wide-only">About it</th>
        </tr>
      </thead>
      <tbody>
        {path.nodes.map((node, at) => (
          <tr key={node.key && written(node.key)}>
            <td className="soft">{at === 0 ? "from" : verb(path.edges[at - 1])}</td>
            <th scope="row">
              <NodeLink node={node} kind />
            </th>
            <td>
              <Tags tags={node.tags} />
            </td>
            <td className="soft wide-only">{called(node).detail}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** How a step leads from what is above it. */
function verb(edge: Edge | undefined): string {
  switch (edge?.type) {
    case EdgeType.USED:
      return edge.label ? `was used by, as ${edge.label}` : "was used by";
    case EdgeType.GENERATED:
      return "made";
    case EdgeType.PART_OF:
      return "is part of";
    default:
      return edge?.label ? `became, by ${edge.label}` : "became";
  }
}

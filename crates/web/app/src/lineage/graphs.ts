import { type Answer, useAnswer } from "../api/answer";
import { lineage } from "../api/lineage";
import { joined, ofGraph, type Pedigree } from "./graph/pedigree";
import { resolved, useMoment } from "./reference";

/** Nodes of a picture at most, each way. */
export const MOST = 2000;

export type Ways = "back" | "on" | "both";

/** What a node came from, what came of it, or both. */
export function useGraph(node: string, ways: Ways, depth = 0): Answer<Pedigree & { reference: string }> {
  const { at, request } = useMoment();
  return useAnswer(
    node ? `graph ${ways} ${depth} ${at} ${node}` : undefined,
    async (signal) => {
      const reference = await resolved(node, signal);
      const question = { node: reference, depth, limit: MOST, ...request };
      const [back, on] = await Promise.all([
        ways === "on" ? undefined : lineage.getAncestors(question, { signal }),
        ways === "back" ? undefined : lineage.getDescendants(question, { signal }),
      ]);
      return { ...joined(ofGraph(back?.graph, -1), ofGraph(on?.graph, 1)), reference };
    },
    { keep: false },
  );
}

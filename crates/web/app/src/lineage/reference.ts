import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Answer, useAnswer } from "../api/answer";
import { lineage } from "../api/lineage";
import { versions } from "../api/registry";
import type { Node } from "../generated/herdbook/lineage/v1/graph_pb";
import { usePlace } from "../state/url";

/** A node as lineage writes it: `kind:name` stays, `model/3` and `model@Production` are resolved. */
export async function resolved(text: string, signal: AbortSignal): Promise<string> {
  const reference = text.trim().replace(/^model:\/\//, "");
  if (reference.includes(":")) return reference;
  const { version } = await versions.getVersion({ reference }, { signal });
  return `model_version:${version?.model}@${version?.number}`;
}

/** What an entry of the address means now: the reference, and the nodes of it, newest first. */
export interface Meant {
  reference: string;
  nodes: Node[];
}

export function useMeant(text: string): Answer<Meant> {
  return useAnswer(
    text ? `meant ${text}` : undefined,
    async (signal) => {
      const reference = await resolved(text, signal);
      const { nodes } = await lineage.getNodes({ node: reference }, { signal });
      return { reference, nodes };
    },
    { keep: false },
  );
}

/** The past that the address asks for, as requests write it, and as part of a key. */
export function useMoment() {
  const at = usePlace().query.get("at") ?? "";
  const time = at ? new Date(at) : undefined;
  const knownAt = time && !Number.isNaN(time.getTime()) ? { knownAt: timestampFromDate(time) } : {};
  return { at, request: knownAt };
}

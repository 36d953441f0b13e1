import { toJsonString } from "@bufbuild/protobuf";
import { Copy } from "../../design/Copy";
import { type Decision, DecisionSchema } from "../../generated/herdbook/registry/v1/transition_pb";

/** A decision as the contract has it, for a pipeline that asks the same. */
export function DecisionJson({ decision }: { decision: Decision }) {
  const text = toJsonString(DecisionSchema, decision, { prettySpaces: 2 });
  return (
    <details className="decision-json">
      <summary>Dry run as JSON</summary>
      <Copy text={text} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <pre tabIndex={0}>{text}</pre>
    </details>
  );
}

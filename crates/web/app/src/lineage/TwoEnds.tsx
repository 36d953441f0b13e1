import { setQuery } from "../state/url";
import { NodePicker } from "./NodePicker";
import { AsOf } from "./Question";

interface Props {
  from: string;
  to: string;
  /** Kinds that may stand at either end; all of them if absent. */
  kinds?: readonly string[];
}

/** What a question about two things is asked by. */
export function TwoEnds({ from, to, kinds }: Props) {
  const picker = { ...(kinds && { kinds }) };
  return (
    <>
      <NodePicker
        {...picker}
        label="from"
        value={from}
        onTake={(next) => setQuery({ from: next, pick: undefined })}
      />
      <NodePicker
        {...picker}
        label="to"
        value={to}
        onTake={(next) => setQuery({ to: next, node: undefined, pick: undefined })}
      />
      <button
        type="button"
        className="button"
        onClick={() => setQuery({ from: to, to: from, node: undefined })}
      >
        Swap
      </button>
      <AsOf />
    </>
  );
}

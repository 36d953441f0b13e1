import { Copy } from "../design/Copy";
import { Part } from "../design/Part";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { scriptOf } from "./script";

/** The way to run it again. */
export function Reproduce({ run }: { run: Run }) {
  const script = scriptOf(run);
  if (!script) return null;
  return (
    <Part title="Reproduce" aside={<Copy text={script} label="copy all" />}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <pre className="script" tabIndex={0}>
        {script}
      </pre>
    </Part>
  );
}

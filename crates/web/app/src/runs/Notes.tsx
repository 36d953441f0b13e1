import { Prose } from "../design/Prose";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { useEdit } from "./useEdit";

/** What people wrote about a run. */
export function Notes({ run, onChanged }: { run: Run; onChanged: () => void }) {
  const save = useEdit(run, onChanged);
  return (
    <Prose
      title="Notes"
      text={run.description}
      none="nothing is written about this run"
      onSave={(description) => void save({ description })}
    />
  );
}

import { runs as service } from "../api/clients";
import { messageOf } from "../api/errors";
import { count } from "../format/numbers";
import { toast } from "../frame/toasts";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

interface Props {
  runs: readonly Run[];
  onCompare: () => void;
  onPin: () => void;
  onClear: () => void;
  onChanged: () => void;
}

/** So many calls are under way at a time. */
const AT_ONCE = 4;

/** What can be done with the runs that are selected. */
export function Selection({ runs, onCompare, onPin, onClear, onChanged }: Props) {
  const many = `${count(runs.length)} ${runs.length === 1 ? "run" : "runs"}`;
  const remove = async () => {
    const ids = runs.map((run) => run.id);
    const failed = await each(ids, (runId) => service.deleteRun({ runId }));
    toast(failed ?? `${many} deleted`, async () => {
      const stuck = await each(ids, (runId) => service.restoreRun({ runId }));
      toast(stuck ?? `${many} restored`);
      onChanged();
    });
    onChanged();
  };
  return (
    <div className="selection" role="toolbar" aria-label="Selected runs">
      <strong>{many}</strong>
      <button type="button" className="button" onClick={onCompare} title="c">
        Only these in the charts
      </button>
      <button type="button" className="button" onClick={onPin}>
        Pin
      </button>
      <button type="button" className="button" onClick={remove}>
        Delete
      </button>
      <button type="button" className="button plain" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}

/** Calls for each; answers why one failed, if one did. */
async function each(
  ids: readonly string[],
  call: (id: string) => Promise<unknown>,
): Promise<string | undefined> {
  const left = [...ids];
  let problem: string | undefined;
  const worker = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      try {
        await call(id);
      } catch (error) {
        problem = messageOf(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return problem;
}

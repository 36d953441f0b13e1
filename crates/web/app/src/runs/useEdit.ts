import { runs } from "../api/clients";
import { messageOf } from "../api/errors";
import { toast } from "../frame/toasts";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

type Editable = { name: string } | { description: string };

/** Changes a field of a run, with a way back. */
export function useEdit(run: Run, onChanged: () => void): (change: Editable) => Promise<void> {
  const write = async (change: Editable) => {
    await runs.updateRun({ run: { id: run.id, ...change }, updateMask: { paths: Object.keys(change) } });
    onChanged();
  };
  return async (change) => {
    const [field = ""] = Object.keys(change);
    const before: Editable = field === "name" ? { name: run.name } : { description: run.description };
    try {
      await write(change);
      toast(field === "name" ? "The name is saved" : "The notes are saved", () => void write(before));
    } catch (error) {
      toast(messageOf(error));
    }
  };
}

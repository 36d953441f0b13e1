import { useState } from "react";
import { runs as service } from "../api/clients";
import { messageOf } from "../api/errors";
import { focus } from "../design/focus";
import { count } from "../format/numbers";
import { toast } from "../frame/toasts";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { fieldOf } from "../table/columns";

interface Props {
  runs: readonly Run[];
  /** Whether they are deleted ones. */
  deleted: boolean;
  onCompare: () => void;
  onIsolate: () => void;
  onPin: () => void;
  onClear: () => void;
  onChanged: () => void;
}

/** So many calls are under way at a time. */
const AT_ONCE = 4;

/** What can be done with the runs that are selected. */
export function Selection({ runs, deleted, onCompare, onIsolate, onPin, onClear, onChanged }: Props) {
  const [tagging, setTagging] = useState(false);
  const many = `${count(runs.length)} ${runs.length === 1 ? "run" : "runs"}`;
  const ids = runs.map((run) => run.id);
  /** Does something to each run, says so, and can do the opposite. */
  const change = async (done: string, call: Call, undone: string, back: Call) => {
    const failed = await each(ids, call);
    toast(failed ?? `${many} ${done}`, async () => {
      const stuck = await each(ids, back);
      toast(stuck ?? `${many} ${undone}`);
      onChanged();
    });
    onChanged();
  };
  const remove: Call = (runId) => service.deleteRun({ runId });
  const restore: Call = (runId) => service.restoreRun({ runId });
  const tag = async (key: string, value: string) => {
    setTagging(false);
    try {
      const before = await tagsOf(ids, key);
      await change(
        `tagged ${key}`,
        (runId) => service.logBatch({ runId, tags: { [key]: value } }),
        "as before",
        (runId) => {
          const old = before.get(runId);
          return old === undefined
            ? service.deleteTags({ runId, keys: [key] })
            : service.logBatch({ runId, tags: { [key]: old } });
        },
      );
    } catch (error) {
      toast(messageOf(error));
    }
  };
  return (
    <div className="selection" role="toolbar" aria-label="Selected runs">
      <strong>{many}</strong>
      {deleted ? (
        <button
          type="button"
          className="button primary"
          onClick={() => void change("restored", restore, "deleted again", remove)}
        >
          Restore
        </button>
      ) : (
        <>
          <button type="button" className="button primary" onClick={onCompare} title="c">
            Compare
          </button>
          <button type="button" className="button" onClick={onIsolate} title="only these in the charts: i">
            Only these
          </button>
          <button type="button" className="button" onClick={onPin}>
            Pin
          </button>
          <button
            type="button"
            className="button"
            aria-expanded={tagging}
            onClick={() => setTagging(!tagging)}
          >
            Tag
          </button>
          <button
            type="button"
            className="button"
            onClick={() => void change("deleted", remove, "restored", restore)}
          >
            Delete
          </button>
        </>
      )}
      <button type="button" className="button plain" onClick={onClear}>
        Clear
      </button>
      {tagging && (
        <form
          className="tagging"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const key = String(data.get("key")).trim();
            if (key) void tag(key, String(data.get("value")));
          }}
        >
          <input
            ref={focus}
            name="key"
            className="input"
            aria-label="Key of the tag"
            placeholder="key"
            required
          />
          <input name="value" className="input" aria-label="Value of the tag" placeholder="value" />
          <button type="submit" className="button">
            Tag {many}
          </button>
        </form>
      )}
    </div>
  );
}

type Call = (runId: string) => Promise<unknown>;

/** Runs of one search: their ids are its filter. */
const TOGETHER = 400;

/** What runs have of a tag, for the way back. */
async function tagsOf(ids: readonly string[], key: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < ids.length; at += TOGETHER) {
    const some = ids.slice(at, at + TOGETHER);
    const page = await service.searchRuns({
      filter: `attributes.run_id IN (${some.map((id) => `'${id}'`).join(",")})`,
      columns: [fieldOf("tags", key)],
      pageSize: some.length,
    });
    for (const run of page.runs) {
      const value = run.tags[key];
      if (value !== undefined) found.set(run.id, value);
    }
  }
  return found;
}

/** Calls for each; answers why one failed, if one did. */
async function each(ids: readonly string[], call: Call): Promise<string | undefined> {
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

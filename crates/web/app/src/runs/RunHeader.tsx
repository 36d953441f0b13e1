import { useState } from "react";
import { runs } from "../api/clients";
import { messageOf } from "../api/errors";
import { seriesOfOne } from "../charts/colours";
import { Swatch } from "../charts/Swatch";
import { Copy } from "../design/Copy";
import { focus } from "../design/focus";
import { Ago, useNow } from "../design/Time";
import { duration, millis } from "../format/times";
import { Link } from "../frame/Link";
import { toast } from "../frame/toasts";
import { type Run, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { durationOf } from "../table/columns";
import { Status } from "../table/Status";
import { progressOf } from "./progress";
import { useEdit } from "./useEdit";

/** What a run is and how it stands, on two lines. */
export function RunHeader({ run, onChanged }: { run: Run; onChanged: () => void }) {
  const now = useNow();
  const [editing, setEditing] = useState(false);
  const save = useEdit(run, onChanged);
  const length = durationOf(run, now);
  const working = run.status === RunStatus.RUNNING;
  const progress = working ? progressOf(run) : undefined;
  const stop = async () => {
    try {
      await runs.requestStop({ runId: run.id });
      toast(`${run.name} is asked to stop`, async () => {
        await runs.requestStop({ runId: run.id, withdraw: true });
        onChanged();
      });
    } catch (error) {
      toast(messageOf(error));
    }
    onChanged();
  };
  return (
    <header className="run-header">
      <div className="page-head">
        <Swatch series={seriesOfOne(run.id)} />
        {editing ? (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              const name = new FormData(event.currentTarget).get("name");
              setEditing(false);
              if (typeof name === "string" && name !== run.name) void save({ name });
            }}
          >
            <input
              name="name"
              aria-label="Name of the run"
              className="input"
              defaultValue={run.name}
              ref={focus}
              onBlur={() => setEditing(false)}
            />
          </form>
        ) : (
          <h1>
            <button type="button" className="rename" title="rename" onClick={() => setEditing(true)}>
              {run.name}
            </button>
          </h1>
        )}
        <Status status={run.status} words />
        {progress && (
          <span className="progress" title={progress.of}>
            <progress value={progress.part} max={1} aria-label="Progress" /> {Math.round(progress.part * 100)}
            %
          </span>
        )}
        <div className="run-actions">
          <Link to="/lineage" query={{ node: `run:${run.id}` }} className="button">
            Lineage
          </Link>
          <Copy text={run.id} label="copy id" />
          {working && (
            <button type="button" className="button" onClick={stop} disabled={run.stopRequested}>
              {run.stopRequested ? "Asked to stop" : "Stop"}
            </button>
          )}
        </div>
      </div>
      <p className="run-facts soft">
        {length !== undefined && <span>{duration(length)}</span>}
        {run.startedAt && (
          <span>
            started <Ago time={millis(run.startedAt)} />
          </span>
        )}
        {run.user && <span>by {run.user}</span>}
        {run.source?.commit && (
          <span>
            commit <code>{run.source.commit.slice(0, 10)}</code>
            {run.source.dirty && <span className="warn"> with changes</span>}
          </span>
        )}
      </p>
    </header>
  );
}

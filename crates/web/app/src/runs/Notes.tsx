import { lazy, Suspense, useState } from "react";
import { focus } from "../design/focus";
import { Part } from "../design/Part";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { useEdit } from "./useEdit";

// Its two libraries come only where there is something written.
const Markdown = lazy(() => import("../design/Markdown"));

/** What people wrote about a run. */
export function Notes({ run, onChanged }: { run: Run; onChanged: () => void }) {
  const [editing, setEditing] = useState(false);
  const save = useEdit(run, onChanged);
  return (
    <Part
      title="Notes"
      aside={
        !editing && (
          <button type="button" className="button plain" onClick={() => setEditing(true)}>
            {run.description ? "Edit" : "Write"}
          </button>
        )
      }
    >
      {editing ? (
        <form
          className="notes-form"
          onSubmit={(event) => {
            event.preventDefault();
            const description = new FormData(event.currentTarget).get("notes");
            setEditing(false);
            if (typeof description === "string") void save({ description });
          }}
        >
          <textarea
            name="notes"
            className="input"
            aria-label="Notes, in Markdown"
            defaultValue={run.description}
            rows={8}
            ref={focus}
          />
          <div>
            <button type="submit" className="button primary">
              Save
            </button>
            <button type="button" className="button plain" onClick={() => setEditing(false)}>
              Cancel
            </button>
          </div>
        </form>
      ) : run.description ? (
        <Suspense fallback={<p className="soft">…</p>}>
          <Markdown text={run.description} />
        </Suspense>
      ) : (
        <p className="soft">nothing is written about this run</p>
      )}
    </Part>
  );
}

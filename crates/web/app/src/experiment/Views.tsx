import { useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { views as service } from "../api/team";
import { toast } from "../frame/toasts";
import { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { navigate, usePlace } from "../state/url";

const EVERY_MS = 15_000;
/** What is one person's place, and no view. */
const PERSONAL = ["workspace"];

/** Named sets of filter, order, columns and looks: everybody in the workspace has them, and switches by a click. */
export function Views({ experimentId }: { experimentId: bigint }) {
  const { path, query } = usePlace();
  const details = useRef<HTMLDetailsElement>(null);
  const [busy, setBusy] = useState(false);
  const here = textOf(query);
  const subject = { kind: SubjectKind.EXPERIMENT, name: experimentId.toString() };
  const { data, reload } = useAnswer(
    `views ${experimentId}`,
    (signal) => service.listViews({ subject }, { signal }),
    { every: EVERY_MS },
  );
  const views = (data?.views ?? []).map(({ name, query: text }) => ({ name, text }));
  const current = views.find(({ text }) => text === here);

  const write = async (name: string, text: string | undefined) => {
    if (text === undefined) await service.deleteView({ subject, name });
    else await service.saveView({ subject, name, query: text });
    reload();
  };
  /** Sets a view, or takes it away, with a way back. */
  const change = async (name: string, text: string | undefined) => {
    const before = views.find((view) => view.name === name)?.text;
    setBusy(true);
    try {
      await write(name, text);
      toast(text === undefined ? `The view “${name}” is gone` : `The view “${name}” is kept`, () =>
        write(name, before).catch((error: unknown) => toast(messageOf(error))),
      );
    } catch (error) {
      toast(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  const go = (text: string) => {
    const next = new URLSearchParams(text);
    for (const key of PERSONAL) {
      const value = query.get(key);
      if (value) next.set(key, value);
    }
    details.current?.removeAttribute("open");
    const all = next.toString();
    navigate(all ? `${path}?${all}` : path);
  };
  return (
    <details ref={details} className="views">
      <summary className="button">View{current ? `: ${current.name}` : ""}</summary>
      <div className="float">
        {views.length === 0 && (
          <p className="soft">
            No view is kept yet: a view is this page’s filter, order, columns and charts.
          </p>
        )}
        {views.map(({ name, text }) => (
          <div key={name} className="view">
            <button
              type="button"
              className="button plain"
              aria-current={text === here ? "true" : undefined}
              onClick={() => go(text)}
            >
              {text === here ? "✓ " : ""}
              {name}
            </button>
            <button
              type="button"
              className="button plain icon"
              aria-label={`Forget the view ${name}`}
              disabled={busy}
              onClick={() => void change(name, undefined)}
            >
              ×
            </button>
          </div>
        ))}
        <button type="button" className="button plain" onClick={() => go("")}>
          As it is without a view
        </button>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const name = String(new FormData(event.currentTarget).get("name")).trim();
            if (name) void change(name, here);
            event.currentTarget.reset();
            details.current?.removeAttribute("open");
          }}
        >
          <input
            name="name"
            className="input"
            aria-label="Name of the view"
            placeholder="keep this view as …"
            maxLength={200}
            required
          />
          <button type="submit" className="button" disabled={busy}>
            Keep
          </button>
        </form>
      </div>
    </details>
  );
}

function textOf(query: URLSearchParams): string {
  const kept = new URLSearchParams(query);
  for (const key of PERSONAL) kept.delete(key);
  return kept.toString();
}

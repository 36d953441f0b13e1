import { Code, ConnectError } from "@connectrpc/connect";
import { useDeferredValue, useEffect, useState } from "react";
import { messageOf } from "../api/errors";
import { reports } from "../api/team";
import { toast } from "../frame/toasts";
import type { Report } from "../generated/herdbook/team/v1/report_pb";
import { Text } from "./Text";

interface Draft {
  /** The revision that it goes on from. */
  revision: string;
  title: string;
  text: string;
}

/** A draft stays in the browser until it is saved: nothing that was typed is lost with a page. */
const draftKey = (id: string) => `herdbook.draft.${id}`;

/** A report being written, with what it will look like beside it. */
export function Editor({
  report,
  onSaved,
  onLeave,
}: {
  report: Report;
  onSaved: () => void;
  onLeave: () => void;
}) {
  const [base, setBase] = useState(() => readDraft(report)?.revision ?? report.revision.toString());
  const [title, setTitle] = useState(() => readDraft(report)?.title ?? report.title);
  const [text, setText] = useState(() => readDraft(report)?.text ?? report.text);
  const [comment, setComment] = useState("");
  const [problem, setProblem] = useState<string>();
  const [theirs, setTheirs] = useState<Report>();
  const [busy, setBusy] = useState(false);
  const preview = useDeferredValue(text);
  const changed = title !== report.title || text !== report.text;

  useEffect(() => {
    try {
      if (changed) localStorage.setItem(draftKey(report.id), JSON.stringify({ revision: base, title, text }));
      else localStorage.removeItem(draftKey(report.id));
    } catch {
      // A browser that keeps nothing.
    }
  }, [report.id, base, title, text, changed]);

  const save = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await reports.updateReport({ id: report.id, title, text, comment, expectedRevision: BigInt(base) });
      localStorage.removeItem(draftKey(report.id));
      toast("The report is saved");
      onSaved();
      return;
    } catch (error) {
      if (ConnectError.from(error).code === Code.Aborted) {
        const newest = await reports.getReport({ id: report.id }).catch(() => undefined);
        setTheirs(newest?.report);
      }
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  /** Goes on from the other's text with one's own, or with theirs. */
  const settle = (take: boolean) => {
    if (!theirs) return;
    setBase(theirs.revision.toString());
    if (take) {
      setTitle(theirs.title);
      setText(theirs.text);
    }
    setTheirs(undefined);
    setProblem(undefined);
  };
  const leave = () => {
    localStorage.removeItem(draftKey(report.id));
    if (changed) {
      const draft: Draft = { revision: base, title, text };
      toast("Your changes are dropped", () => {
        localStorage.setItem(draftKey(report.id), JSON.stringify(draft));
        window.location.assign(`${window.location.pathname}?edit=1`);
      });
    }
    onLeave();
  };
  return (
    <form
      className="report-editor"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void save();
      }}
    >
      <div className="page-head">
        <input
          className="input report-title"
          aria-label="Title"
          required
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
        <input
          className="input"
          aria-label="What changed"
          placeholder="what changed (optional)"
          maxLength={255}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
        <button
          type="submit"
          className="button primary"
          disabled={busy || theirs !== undefined}
          title="Ctrl+Enter"
        >
          Save
        </button>
        <button type="button" className="button plain" onClick={leave}>
          Cancel
        </button>
      </div>
      {problem && !theirs && (
        <p role="alert" className="bad">
          {problem}. What you wrote is still here, and stays in this browser.
        </p>
      )}
      {theirs && (
        <section className="conflict" role="alert">
          <p>
            <b>{theirs.updatedBy}</b> saved revision {theirs.revision.toString()} while you wrote. Nothing of
            yours was written over theirs: both texts are here. Bring over what you need, then go on with one
            of them.
          </p>
          <div className="sides">
            <label>
              Yours
              <textarea
                className="input mono"
                rows={10}
                value={text}
                onChange={(event) => setText(event.target.value)}
              />
            </label>
            <label>
              Theirs
              <textarea className="input mono" rows={10} value={theirs.text} readOnly />
            </label>
          </div>
          <button type="button" className="button" onClick={() => settle(false)}>
            Go on with mine
          </button>
          <button type="button" className="button" onClick={() => settle(true)}>
            Go on with theirs
          </button>
        </section>
      )}
      {!theirs && (
        <div className="sides">
          <label>
            <span className="hidden-text">Text, in Markdown</span>
            <textarea
              className="input mono"
              value={text}
              spellCheck
              onChange={(event) => setText(event.target.value)}
            />
          </label>
          <section aria-label="Preview">
            <Text text={preview} />
          </section>
        </div>
      )}
    </form>
  );
}

function readDraft(report: Report): Draft | undefined {
  try {
    const text = localStorage.getItem(draftKey(report.id));
    return text === null ? undefined : (JSON.parse(text) as Draft);
  } catch {
    return undefined;
  }
}

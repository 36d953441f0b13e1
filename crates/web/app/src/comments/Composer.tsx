import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { access } from "../api/clients";
import { messageOf } from "../api/errors";
import { focus } from "../design/focus";
import { mentionAt, mentionText } from "./mention";

const SUGGESTED = 6;

/** A place to write Markdown in, which completes the names of members behind an `@`. */
export function Composer({
  label,
  action,
  initial = "",
  onSend,
  onCancel,
}: {
  label: string;
  action: string;
  initial?: string;
  /** Takes the text; what it throws is shown, and the text stays. */
  onSend: (text: string) => Promise<void>;
  onCancel?: () => void;
}) {
  const [text, setText] = useState(initial);
  const [at, setAt] = useState(0);
  const [chosen, setChosen] = useState(0);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const mention = mentionAt(text, at);
  const members = useAnswer(mention && "members", (signal) => access.listPrincipals({}, { signal })).data;
  const found = mention
    ? (members?.principals ?? [])
        .map(({ name }) => name)
        .filter(
          (name) => name.toLowerCase().startsWith(mention.start.toLowerCase()) && name !== mention.start,
        )
        .slice(0, SUGGESTED)
    : [];
  const on = Math.min(chosen, found.length - 1);

  useEffect(() => {
    // One that is there to change something was asked for.
    if (initial) focus(box.current);
  }, [initial]);

  const write = (next: string, caret: number) => {
    setText(next);
    setAt(caret);
    setChosen(0);
  };
  const take = (name: string | undefined) => {
    if (!mention || name === undefined) return;
    const written = `${mentionText(name)} `;
    const caret = mention.from + written.length;
    write(text.slice(0, mention.from) + written + text.slice(at), caret);
    requestAnimationFrame(() => {
      box.current?.focus();
      box.current?.setSelectionRange(caret, caret);
    });
  };
  const send = async () => {
    if (!text.trim() || busy) return;
    setBusy(true);
    try {
      await onSend(text);
      write("", 0);
      setProblem(undefined);
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      void send();
    } else if (found.length === 0) {
      if (event.key === "Escape") onCancel?.();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : found.length - 1;
      setChosen((on + step) % found.length);
    } else if (event.key === "Enter" || event.key === "Tab") {
      event.preventDefault();
      take(found[on]);
    } else if (event.key === "Escape") {
      setAt(-1);
    }
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        ref={box}
        className="input"
        rows={3}
        role="combobox"
        aria-label={label}
        aria-expanded={found.length > 0}
        aria-controls={`${id}-members`}
        aria-autocomplete="list"
        aria-activedescendant={found.length ? `${id}-${on}` : undefined}
        placeholder="Markdown; @name tells somebody"
        value={text}
        onChange={(event) => write(event.target.value, event.target.selectionStart)}
        onKeyDown={onKeyDown}
      />
      <div
        id={`${id}-members`}
        role="listbox"
        aria-label="Members"
        className="float"
        hidden={found.length === 0}
      >
        {found.map((name, number) => (
          <div
            key={name}
            id={`${id}-${number}`}
            role="option"
            tabIndex={-1}
            aria-selected={number === on}
            onMouseDown={(event) => {
              event.preventDefault();
              take(name);
            }}
          >
            {name}
          </div>
        ))}
      </div>
      {problem && (
        <p role="alert" className="bad">
          {problem}. What you wrote is still here.
        </p>
      )}
      <div className="actions">
        <button type="submit" className="button" disabled={busy || !text.trim()} title="Ctrl+Enter">
          {action}
        </button>
        {onCancel && (
          <button type="button" className="button plain" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

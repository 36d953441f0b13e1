import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf, troubleOf, violations } from "../api/errors";
import { type KnownFields, useFoundFields } from "../api/useFields";
import { count } from "../format/numbers";
import type { Fields } from "../table/columns";
import { complete, wordAt } from "./completion";
import "./filter.css";

interface Props {
  /** What is filtered, such as `runs`. */
  things: string;
  placeholder: string;
  /** The filter that is in force. */
  value: string;
  fields: Fields | undefined;
  /** Where fields are found that are not among these. */
  known?: KnownFields | undefined;
  /** Counts what a filter finds; fails with what is wrong with it. */
  countFor: (filter: string, signal: AbortSignal) => Promise<number>;
  /** How many the filter in force finds, if that is known. */
  found?: number | undefined;
  total: number | undefined;
  onChange: (filter: string) => void;
}

/** A pause in typing after which a filter is tried. */
const PAUSE_MS = 250;
const RECOUNT_MS = 5000;

/** The filter of a table: tried while it is written, with what is wrong where it is wrong. */
export function FilterBox(props: Props) {
  const { things, placeholder, value, fields, known, countFor, found, total, onChange } = props;
  const [text, setText] = useState(value);
  const [tried, setTried] = useState(value);
  const [caret, setCaret] = useState<number>();
  const [choice, setChoice] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();

  useEffect(() => {
    setText(value);
    setTried(value);
  }, [value]);
  useEffect(() => {
    const timer = setTimeout(() => setTried(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  // What is in force is counted with the rows.
  const trial = useAnswer(
    tried === value && found !== undefined ? undefined : `count ${tried}`,
    (signal) => countFor(tried, signal),
    { every: RECOUNT_MS },
  );
  const counted = tried === value && found !== undefined ? found : trial.data;
  const wrong = trial.error !== undefined && troubleOf(trial.error) === "wrong" ? trial.error : undefined;

  const part = caret === undefined ? "" : wordAt(text, caret).replace(/^[a-z]+\.["`]?/, "");
  const choices = useFoundFields(known, part) ?? fields;
  const completion = caret === undefined || !choices ? undefined : complete(text, caret, choices);
  const open = completion !== undefined && completion.choices.length > 0;
  const take = (chosen: string) => {
    if (!completion) return;
    const next = `${text.slice(0, completion.from)}${chosen} ${text.slice(completion.to).trimStart()}`;
    const at = completion.from + chosen.length + 1;
    setText(next);
    setChoice(-1);
    requestAnimationFrame(() => {
      input.current?.setSelectionRange(at, at);
      setCaret(at);
    });
  };
  const onKey = (event: KeyboardEvent) => {
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      setChoice((choice + by + completion.choices.length + 1) % (completion.choices.length + 1));
    } else if (event.key === "Tab" && open && choice >= 0) {
      event.preventDefault();
      take(completion.choices[choice] ?? "");
    } else if (event.key === "Enter") {
      event.preventDefault();
      const chosen = open ? completion.choices[choice] : undefined;
      if (chosen) take(chosen);
      else {
        setCaret(undefined);
        onChange(text.trim());
      }
    } else if (event.key === "Escape") {
      setCaret(undefined);
      if (!open) input.current?.blur();
    }
  };
  return (
    <div className="filter">
      <div className="filter-line">
        <input
          ref={input}
          id="filter"
          className="input mono"
          role="combobox"
          aria-label={`Filter ${things}`}
          aria-expanded={open}
          aria-controls={list}
          aria-activedescendant={open && choice >= 0 ? `${list}-${choice}` : undefined}
          aria-invalid={wrong !== undefined}
          aria-describedby="filter-outcome"
          aria-autocomplete="list"
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setCaret(event.target.selectionStart ?? event.target.value.length);
            setChoice(-1);
          }}
          onClick={(event) => setCaret(event.currentTarget.selectionStart ?? undefined)}
          onBlur={() => setCaret(undefined)}
          onKeyDown={onKey}
        />
        {(text !== "" || value !== "") && (
          <button type="button" className="button" onClick={() => onChange("")} aria-label="Clear the filter">
            Clear
          </button>
        )}
        <output id="filter-outcome" className={wrong ? "outcome bad" : "outcome soft"}>
          {wrong ? "✗" : counted === undefined ? "…" : outcome(things, counted, total, tried)}
          {!wrong && tried !== value && counted !== undefined && <span className="hint"> ↵ to apply</span>}
        </output>
      </div>
      {wrong !== undefined && !open && <Wrong error={wrong} text={tried} />}
      {open && (
        <div id={list} role="listbox" aria-label="What may stand here" className="float choices">
          {completion.choices.map((one, at) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: its keys are those of the box
            <div
              key={one}
              id={`${list}-${at}`}
              role="option"
              aria-selected={at === choice}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(one)}
            >
              {one}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function outcome(things: string, found: number, total: number | undefined, tried: string): string {
  if (tried === "" || total === undefined)
    return `${count(found)} ${found === 1 ? things.replace(/s$/, "") : things}`;
  return `✓ ${count(found)} of ${count(total)}`;
}

/** What the server says about a filter, and where. */
function Wrong({ error, text }: { error: unknown; text: string }) {
  const violation = violations(error).find(({ field }) => field === "filter");
  const description = violation?.description ?? messageOf(error);
  const position = Number(/at character (\d+)/.exec(description)?.[1] ?? 0);
  const at = [...text];
  return (
    <div className="filter-wrong float" role="alert">
      {position > 0 && (
        <code>
          {at.slice(0, position - 1).join("")}
          <mark>{at.slice(position - 1, position).join("") || " "}</mark>
          {at.slice(position).join("")}
        </code>
      )}
      <span className="bad">{description}</span>
    </div>
  );
}

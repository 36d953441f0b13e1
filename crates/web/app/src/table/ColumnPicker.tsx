import { useMemo, useState } from "react";
import { type KnownFields, useFoundFields } from "../api/useFields";
import { focus } from "../design/focus";
import { middle } from "../format/names";
import { count } from "../format/numbers";
import { columnOf, type Fields, fieldOf } from "./columns";

interface Props {
  known: KnownFields | undefined;
  chosen: readonly string[];
  onChange: (fields: string[]) => void;
  onClose: () => void;
}

/** So many names at most are shown at a time: of more one types a part. */
const SHOWN = 200;

const NONE: Fields = { metrics: [], params: [], tags: [] };

interface Entry {
  field: string;
  label: string;
}

/** Which columns there are, by what they are of and by the folders of their names. */
export function ColumnPicker({ known, chosen, onChange, onClose }: Props) {
  const [search, setSearch] = useState("");
  const fields = useFoundFields(known, longestWord(search)) ?? NONE;
  const groups = useMemo(() => groupsOf(fields), [fields]);
  const toggle = (field: string) =>
    onChange(chosen.includes(field) ? chosen.filter((one) => one !== field) : [...chosen, field]);
  const atStep = (field: string, step: string) => {
    const plain = field.replace(/@-?\d+$/, "");
    const next = /^-?\d{1,18}$/.test(step) ? `${plain}@${step}` : plain;
    if (next !== field) onChange([...new Set(chosen.map((one) => (one === field ? next : one)))]);
  };
  const move = (field: string, by: number) => {
    const at = chosen.indexOf(field);
    const next = chosen.filter((one) => one !== field);
    next.splice(Math.max(0, at + by), 0, field);
    onChange(next);
  };
  const words = search.toLowerCase().split(/\s+/);
  const matches = (entry: Entry) => words.every((word) => entry.label.toLowerCase().includes(word));
  return (
    <div
      className="float picker"
      role="dialog"
      aria-label="Columns"
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header>
        <input
          ref={focus}
          className="input"
          type="search"
          placeholder="find columns"
          aria-label="Find columns"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <button type="button" className="button" onClick={onClose}>
          Done
        </button>
      </header>
      <div className="entries">
        {!search && (
          <details open>
            <summary>Shown, in this order</summary>
            {chosen.map((field) => (
              <div key={field} className="entry">
                <label>
                  <input type="checkbox" checked onChange={() => toggle(field)} />
                  {middle(field, 28)}
                </label>
                {isValue(field) && (
                  <input
                    className="input at-step"
                    inputMode="numeric"
                    placeholder="at step"
                    aria-label={`Step of ${field}`}
                    title="the value at a step; the latest without one"
                    defaultValue={columnOf(field).step?.toString()}
                    onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
                    onBlur={(event) => atStep(field, event.target.value.trim())}
                  />
                )}
                <button
                  type="button"
                  className="button plain icon"
                  aria-label={`Move ${field} left`}
                  onClick={() => move(field, -1)}
                >
                  ↑
                </button>
                <button
                  type="button"
                  className="button plain icon"
                  aria-label={`Move ${field} right`}
                  onClick={() => move(field, 1)}
                >
                  ↓
                </button>
              </div>
            ))}
          </details>
        )}
        {[...groups].map(([name, entries]) => {
          const found = entries.filter(matches);
          if (!found.length) return null;
          return (
            <details key={name} open={search !== "" || (found.length <= 12 && !name.endsWith("extremes"))}>
              <summary>
                {name} <span className="soft">{count(found.length)}</span>
              </summary>
              {found.slice(0, SHOWN).map(({ field, label }) => (
                <label key={field} className="entry" title={field}>
                  <input type="checkbox" checked={chosen.includes(field)} onChange={() => toggle(field)} />
                  {middle(label, 40)}
                </label>
              ))}
              {found.length > SHOWN && (
                <p className="soft">{count(found.length - SHOWN)} more: type a part of the name</p>
              )}
            </details>
          );
        })}
      </div>
    </div>
  );
}

/** Whether a column shows values of a metric, rather than its extremes. */
function isValue(field: string): boolean {
  return field.startsWith("metrics.") && !/\.(min|max)$/.test(field);
}

/** What the server is asked for, of several words that all have to be there. */
function longestWord(search: string): string {
  const words = search.trim().split(/\s+/);
  return words.reduce((longest, word) => (word.length > longest.length ? word : longest), "");
}

/** Fields by kind, and by the first folder of their keys where there are many. */
function groupsOf(fields: Fields): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  const add = (group: string, entry: Entry) => {
    const known = groups.get(group);
    if (known) known.push(entry);
    else groups.set(group, [entry]);
  };
  const folder = (key: string) => (key.includes("/") ? `${key.slice(0, key.indexOf("/") + 1)}…` : "");
  for (const key of fields.metrics) {
    const group = `metrics ${folder(key)}`.trim();
    const field = fieldOf("metrics", key);
    add(group, { field, label: key });
    add(`${group}, extremes`, { field: `${field}.min`, label: `${key}.min` });
    add(`${group}, extremes`, { field: `${field}.max`, label: `${key}.max` });
  }
  for (const key of fields.params)
    add(`params ${folder(key)}`.trim(), { field: fieldOf("params", key), label: key });
  for (const key of fields.tags) add("tags", { field: fieldOf("tags", key), label: key });
  for (const key of ["started_at", "duration", "user", "run_id"]) {
    add("attributes", { field: `attributes.${key}`, label: key });
  }
  return groups;
}

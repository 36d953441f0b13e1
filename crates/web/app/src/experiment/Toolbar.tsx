import { type ReactNode, useState } from "react";
import { middle } from "../format/names";
import { setQuery } from "../state/url";
import { ColumnPicker } from "../table/ColumnPicker";
import { type Fields, fieldOf } from "../table/columns";
import { TOPS, type View } from "./view";

interface Props {
  view: View;
  fields: Fields;
  columns: readonly string[];
  onColumns: (fields: string[]) => void;
  children: ReactNode;
}

/** What the table shows: which runs, by what together, with which columns. */
export function Toolbar({ view, fields, columns, onColumns, children }: Props) {
  const [picking, setPicking] = useState(false);
  const groupable = [
    ...fields.params.map((key) => fieldOf("params", key)),
    ...fields.tags.map((key) => fieldOf("tags", key)),
    "attributes.user",
    "attributes.status",
  ];
  return (
    <div className="toolbar">
      {children}
      <label className="field">
        group
        <select
          className="input"
          value={view.groupBy ?? ""}
          onChange={(event) => setQuery({ group: event.target.value, hide: undefined }, { push: true })}
        >
          <option value="">none</option>
          {[...new Set([...(view.groupBy ? [view.groupBy] : []), ...groupable])].map((field) => (
            <option key={field} value={field}>
              {middle(field, 32)}
            </option>
          ))}
        </select>
      </label>
      {!view.groupBy && (
        <label className="field" title="runs from the top of the table that are in the charts">
          charts show first
          <select
            className="input"
            value={view.top}
            onChange={(event) => setQuery({ top: event.target.value })}
          >
            {TOPS.map((top) => (
              <option key={top}>{top}</option>
            ))}
          </select>
        </label>
      )}
      <div className="columns">
        <button type="button" className="button" aria-expanded={picking} onClick={() => setPicking(!picking)}>
          Columns
        </button>
        {picking && (
          <ColumnPicker
            fields={fields}
            chosen={columns}
            onChange={onColumns}
            onClose={() => setPicking(false)}
          />
        )}
      </div>
    </div>
  );
}

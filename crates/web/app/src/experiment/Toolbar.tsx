import { type ReactNode, useState } from "react";
import type { KnownFields } from "../api/useFields";
import { middle } from "../format/names";
import { Link } from "../frame/Link";
import { setQuery } from "../state/url";
import { ColumnPicker } from "../table/ColumnPicker";
import { fieldOf } from "../table/columns";
import { Views } from "./Views";
import { TOPS, type View } from "./view";

interface Props {
  view: View;
  fields: KnownFields | undefined;
  columns: readonly string[];
  /** The address of a comparison of all that the filter finds. */
  compared: Record<string, string | undefined>;
  experimentId: bigint;
  onColumns: (fields: string[]) => void;
  children: ReactNode;
}

/** Params and tags that one may group by: of more, those that differ come first. */
const GROUPABLE = 200;

/** What the table shows: which runs, by what together, with which columns. */
export function Toolbar(props: Props) {
  const { view, fields, columns, compared, experimentId, onColumns, children } = props;
  const [picking, setPicking] = useState(false);
  const keyed = [
    ...(fields?.params.map((key) => fieldOf("params", key)) ?? []),
    ...(fields?.tags.map((key) => fieldOf("tags", key)) ?? []),
  ];
  keyed.sort((a, b) => Number(fields?.differing.has(b)) - Number(fields?.differing.has(a)));
  const groupable = [...keyed.slice(0, GROUPABLE), "attributes.user", "attributes.status"];
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
      <Views experimentId={experimentId} />
      <div className="columns">
        <button type="button" className="button" aria-expanded={picking} onClick={() => setPicking(!picking)}>
          Columns
        </button>
        {picking && (
          <ColumnPicker
            known={fields}
            chosen={columns}
            onChange={onColumns}
            onClose={() => setPicking(false)}
          />
        )}
      </div>
      <Link
        to="/compare"
        query={compared}
        className="button"
        title="the best of the runs that the filter finds"
      >
        Compare
      </Link>
      <button
        type="button"
        className="button"
        aria-pressed={view.deleted}
        onClick={() => setQuery({ deleted: view.deleted ? undefined : "1" }, { push: true })}
        title="the runs that are deleted, to be restored"
      >
        Deleted
      </button>
    </div>
  );
}

import { useNow } from "../design/Time";
import { short } from "../format/numbers";
import { Link } from "../frame/Link";
import { Skeleton } from "../frame/States";
import { cellOf, columnOf, type Value } from "../table/columns";
import { Status } from "../table/Status";
import { PanelFrame } from "./PanelFrame";
import type { RunsSpec } from "./panel";
import { useRunsOf } from "./useRunsOf";

/** A table of runs, as they are now. */
export function RunsPanel({ spec }: { spec: RunsSpec }) {
  const found = useRunsOf(spec);
  const now = useNow();
  const columns = spec.columns.map(columnOf);
  return (
    <PanelFrame
      title={`runs of ${spec.experiment}${spec.filter && `, ${spec.filter}`}${spec.order && `, by ${spec.order}`}`}
      to={found.data && `/experiments/${found.data.experimentId}`}
      query={{ q: spec.filter, sort: spec.order }}
      error={found.data ? undefined : found.error}
    >
      {!found.data ? (
        <Skeleton rows={3} />
      ) : found.data.runs.length === 0 ? (
        <p className="soft">no run is like this</p>
      ) : (
        <div className="wide-table">
          <table className="facts">
            <thead>
              <tr>
                <th>Run</th>
                {columns.map(({ field, label, kind }) => (
                  <th key={field} className={kind === "metric" ? "number" : ""}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {found.data.runs.map((run) => (
                <tr key={run.id}>
                  <th scope="row">
                    <Status status={run.status} /> <Link to={`/runs/${run.id}`}>{run.name}</Link>
                  </th>
                  {columns.map((column) => {
                    const value = cellOf(run, column, now);
                    return (
                      <td
                        key={column.field}
                        className={column.kind === "metric" ? "number" : ""}
                        title={value === undefined ? undefined : `${value}`}
                      >
                        {shown(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </PanelFrame>
  );
}

function shown(value: Value): string {
  if (value === undefined) return "–";
  return typeof value === "number" ? short(value) : value;
}

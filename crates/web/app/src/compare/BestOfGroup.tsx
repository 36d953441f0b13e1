import { useAnswer } from "../api/answer";
import { runs } from "../api/clients";
import { messageOf } from "../api/errors";
import type { Scope } from "../api/fields";
import { groupName } from "../experiment/groups";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { Link } from "../frame/Link";
import { AggregateFunction } from "../generated/herdbook/tracking/v1/run_pb";
import { cellOf, columnOf } from "../table/columns";
import type { Goal } from "./subject";

const GROUPS = 50;

/** The best run of each group of runs, and how its group does. */
export function BestOfGroup({
  scope,
  groupBy,
  objective,
  goal,
}: {
  scope: Scope;
  groupBy: string;
  objective: string;
  goal: Goal;
}) {
  const order = `${objective} ${goal === "min" ? "asc" : "desc"}`;
  const found = useAnswer(`best ${scope.experimentIds} ${scope.filter} ${groupBy} ${order}`, (signal) =>
    runs.aggregateRuns(
      {
        experimentIds: [...scope.experimentIds],
        filter: scope.filter,
        groupBy: [groupBy],
        best: order,
        columns: ["attributes.name", objective],
        aggregates: [
          { field: objective, function: AggregateFunction.MEAN },
          { field: objective, function: AggregateFunction.STDDEV },
        ],
        pageSize: GROUPS,
      },
      { signal },
    ),
  );
  if (found.error !== undefined) return <p className="bad">{messageOf(found.error)}</p>;
  if (!found.data) return <p className="soft">…</p>;
  const column = columnOf(objective);
  return (
    <>
      <table className="facts">
        <thead>
          <tr>
            <th>{middle(columnOf(groupBy).label, 32)}</th>
            <th>Best run</th>
            <th className="number">{middle(column.label, 24)}</th>
            <th className="number">Mean ± deviation</th>
            <th className="number">Runs</th>
          </tr>
        </thead>
        <tbody>
          {found.data.groups.map((group) => {
            const name = groupName(group.values[0], groupBy);
            const best = group.bestRun;
            const value = best && cellOf(best, column, 0);
            const [mean, deviation] = group.aggregates;
            return (
              <tr key={name}>
                <th scope="row">{middle(name, 40)}</th>
                <td>{best && <Link to={`/runs/${best.id}`}>{middle(best.name, 32)}</Link>}</td>
                <td className="number" title={`${value}`}>
                  {typeof value === "number" ? short(value) : "–"}
                </td>
                <td className="number">
                  {mean?.value === undefined ? "–" : short(mean.value)}
                  {deviation?.value !== undefined && (
                    <span className="soft"> ± {short(deviation.value)}</span>
                  )}
                </td>
                <td className="number">{count(group.runCount)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {found.data.nextPageToken && <p className="soft small">The first {GROUPS} groups, best first.</p>}
    </>
  );
}

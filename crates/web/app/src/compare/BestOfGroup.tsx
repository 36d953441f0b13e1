import type { ReactNode } from "react";
import { useAnswer } from "../api/answer";
import { runs } from "../api/clients";
import { messageOf } from "../api/errors";
import type { Scope } from "../api/fields";
import type { Field } from "../charts/export";
import { groupName, textOf } from "../experiment/groups";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { Link } from "../frame/Link";
import { AggregateFunction, type RunGroup } from "../generated/herdbook/tracking/v1/run_pb";
import { cellOf, columnOf } from "../table/columns";
import { Section } from "./Section";
import type { Goal } from "./subject";

const GROUPS = 50;

/** The best run of each group of runs, and how its group does. */
export function BestOfGroup({
  scope,
  groupBy,
  objective,
  goal,
  aside,
}: {
  scope: Scope;
  /** Empty until it is chosen. */
  groupBy: string;
  objective: string;
  goal: Goal;
  aside: ReactNode;
}) {
  const order = `${objective} ${goal === "min" ? "asc" : "desc"}`;
  const key = groupBy && `best ${scope.experimentIds} ${scope.filter} ${groupBy} ${order}`;
  const found = useAnswer(key || undefined, (signal) =>
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
  const groups = found.data?.groups;
  return (
    <Section
      title="Best of each group"
      aside={aside}
      rows={groups?.length ? () => rowsOf(groups, groupBy, objective) : undefined}
    >
      {!groupBy ? (
        <p className="soft">The runs do not differ in a param: choose what to group them by.</p>
      ) : found.error !== undefined ? (
        <p className="bad">{messageOf(found.error)}</p>
      ) : !groups ? (
        <p className="soft">Reading…</p>
      ) : (
        <Groups groups={groups} groupBy={groupBy} objective={objective} />
      )}
      {found.data?.nextPageToken && <p className="soft small">The first {GROUPS} groups, best first.</p>}
    </Section>
  );
}

interface GroupsProps {
  groups: readonly RunGroup[];
  groupBy: string;
  objective: string;
}

function Groups({ groups, groupBy, objective }: GroupsProps) {
  const column = columnOf(objective);
  return (
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
        {groups.map((group) => {
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
                {deviation?.value !== undefined && <span className="soft"> ± {short(deviation.value)}</span>}
              </td>
              <td className="number">{count(group.runCount)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function rowsOf(groups: readonly RunGroup[], groupBy: string, objective: string): Field[][] {
  const column = columnOf(objective);
  return [
    [groupBy, "best_run", "name", objective, "mean", "deviation", "runs"],
    ...groups.map(({ values, bestRun, aggregates, runCount }) => [
      textOf(values[0]),
      bestRun?.id,
      bestRun?.name,
      bestRun && cellOf(bestRun, column, 0),
      aggregates[0]?.value,
      aggregates[1]?.value,
      runCount,
    ]),
  ];
}

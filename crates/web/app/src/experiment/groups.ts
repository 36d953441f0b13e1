import { runs } from "../api/clients";
import { AggregateFunction, type RunGroup } from "../generated/herdbook/tracking/v1/run_pb";
import { type Column, keyOf } from "../table/columns";

/** Runs that have a value in common, with what was computed of them. */
export interface Group {
  name: string;
  /** What the runs of the group pass, and no others. */
  filter: string;
  count: number;
  /** Mean and deviation by field of a metric. */
  stats: Map<string, { mean: number | undefined; deviation: number | undefined }>;
  /** The first runs of it, as many as a band takes. */
  runIds: string[];
}

/** What one call aggregates, two for each metric. */
const METRICS = 5;
const GROUPS = 200;
/** Groups that are drawn, and runs of all of them. */
export const DRAWN = 10;
const RUNS_A_CALL = 1000;

/** The groups of an experiment by one field, the best first where the table is sorted by a metric. */
export async function readGroups(
  question: {
    experimentId: bigint;
    filter: string;
    groupBy: string;
    order: string;
    columns: readonly Column[];
  },
  signal: AbortSignal,
): Promise<Group[]> {
  const { experimentId, filter, groupBy, order } = question;
  const metrics = question.columns.filter((column) => column.kind === "metric").slice(0, METRICS);
  const answer = await runs.aggregateRuns(
    {
      experimentIds: [experimentId],
      filter,
      groupBy: [groupBy],
      pageSize: GROUPS,
      best: order.startsWith("metrics.") ? order : "",
      columns: ["attributes.name"],
      aggregates: metrics.flatMap(({ field }) => [
        { field, function: AggregateFunction.MEAN },
        { field, function: AggregateFunction.STDDEV },
      ]),
    },
    { signal },
  );
  const groups = answer.groups.map((group) => groupOf(group, groupBy, metrics));
  const drawn = groups.slice(0, DRAWN);
  const each = Math.floor(RUNS_A_CALL / Math.max(1, drawn.length));
  await Promise.all(
    drawn.map(async (group) => {
      const page = await runs.searchRuns(
        {
          experimentIds: [experimentId],
          filter: filter ? `(${filter}) and ${group.filter}` : group.filter,
          columns: ["attributes.run_id"],
          pageSize: each,
        },
        { signal },
      );
      group.runIds = page.runs.map((run) => run.id);
    }),
  );
  return groups;
}

function groupOf(group: RunGroup, groupBy: string, metrics: readonly Column[]): Group {
  const value = group.values[0]?.value;
  const { key } = keyOf(groupBy);
  const text = value?.case === "number" ? String(value.value) : value?.value;
  const literal = value?.case === "number" ? text : `'${String(text).replaceAll("'", "''")}'`;
  return {
    name: text === undefined ? `without ${key}` : `${key} = ${text}`,
    filter: text === undefined ? `${groupBy} IS NULL` : `${groupBy} = ${literal}`,
    count: Number(group.runCount),
    stats: new Map(
      metrics.map(({ field }, at) => [
        field,
        { mean: group.aggregates[at * 2]?.value, deviation: group.aggregates[at * 2 + 1]?.value },
      ]),
    ),
    runIds: [],
  };
}

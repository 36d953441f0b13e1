import { runs } from "../api/clients";
import { AggregateFunction, type GroupValue, type RunGroup } from "../generated/herdbook/tracking/v1/run_pb";
import { type Column, keyOf } from "../table/columns";

/** Runs that have a value in common, with what was computed of them. */
export interface Group {
  name: string;
  /** What the runs of the group pass, and no others. */
  filter: string;
  count: number;
  /** What a metric came to, by its field. */
  stats: Map<string, Stats>;
  /** The first runs of it, as many as a band takes. */
  runIds: string[];
}

export interface Stats {
  mean: number | undefined;
  deviation: number | undefined;
  min: number | undefined;
  max: number | undefined;
}

/** Aggregates of a metric, and metrics of one call. */
const FUNCTIONS = [
  AggregateFunction.MEAN,
  AggregateFunction.STDDEV,
  AggregateFunction.MIN,
  AggregateFunction.MAX,
] as const;
const METRICS = 2;
const CALLS = 3;
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
  const metrics = question.columns.filter((column) => column.kind === "metric").slice(0, METRICS * CALLS);
  const ask = (some: readonly Column[]) =>
    runs.aggregateRuns(
      {
        experimentIds: [experimentId],
        filter,
        groupBy: [groupBy],
        pageSize: GROUPS,
        best: order.startsWith("metrics.") ? order : "",
        columns: ["attributes.name"],
        aggregates: some.flatMap(({ field }) => FUNCTIONS.map((one) => ({ field, function: one }))),
      },
      { signal },
    );
  const parts = Array.from({ length: Math.max(1, Math.ceil(metrics.length / METRICS)) }, (_, at) =>
    metrics.slice(at * METRICS, (at + 1) * METRICS),
  );
  const answers = await Promise.all(parts.map(ask));
  const groups = (answers[0]?.groups ?? []).map((group) => groupOf(group, groupBy));
  const byName = new Map(groups.map((group) => [group.name, group]));
  for (const [at, answer] of answers.entries()) {
    for (const group of answer.groups) {
      const known = byName.get(groupName(group.values[0], groupBy));
      for (const [number, { field }] of (parts[at] ?? []).entries()) {
        const [mean, deviation, min, max] = FUNCTIONS.map(
          (_, one) => group.aggregates[number * FUNCTIONS.length + one]?.value,
        );
        known?.stats.set(field, { mean, deviation, min, max });
      }
    }
  }
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

/** What the runs of a group have in common, in words. */
export function groupName(value: GroupValue | undefined, groupBy: string): string {
  const { key } = keyOf(groupBy);
  const text = textOf(value);
  return text === undefined ? `without ${key}` : `${key} = ${text}`;
}

/** The value that the runs of a group have; undefined where they have none. */
export function textOf(value: GroupValue | undefined): string | undefined {
  return value?.value.case === undefined ? undefined : String(value.value.value);
}

function groupOf(group: RunGroup, groupBy: string): Group {
  const [value] = group.values;
  const text = textOf(value);
  const literal = value?.value.case === "number" ? text : `'${text?.replaceAll("'", "''")}'`;
  return {
    name: groupName(value, groupBy),
    filter: text === undefined ? `${groupBy} IS NULL` : `${groupBy} = ${literal}`,
    count: Number(group.runCount),
    stats: new Map(),
    runIds: [],
  };
}

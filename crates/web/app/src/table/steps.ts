import { create } from "@bufbuild/protobuf";
import { metrics } from "../api/clients";
import { MetricSummarySchema, type Run } from "../generated/herdbook/tracking/v1/run_pb";
import { type Column, columnOf, keyOf } from "./columns";

/** Runs of one call. */
const RUNS = 1000;
const KEYS = 100;

/**
 * Adds what metrics were at steps, for the columns that are such: to each run as if it were a metric of the column's
 * name, so that tables show and compare it like any other.
 */
export async function addSteps(
  runs: readonly Run[],
  fields: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const byStep = new Map<bigint, Column[]>();
  for (const column of fields.map(columnOf)) {
    if (column.step === undefined) continue;
    byStep.set(column.step, [...(byStep.get(column.step) ?? []), column]);
  }
  const calls = [...byStep].map(async ([step, columns]) => {
    const labels = new Map(columns.map((column) => [metricKey(column), column.label]));
    const keys = [...labels.keys()].slice(0, KEYS);
    for (let at = 0; at < runs.length; at += RUNS) {
      const some = new Map(runs.slice(at, at + RUNS).map((run) => [run.id, run]));
      const { curves } = await metrics.getCurves(
        { runIds: [...some.keys()], keys, minX: step, maxX: step, buckets: 1 },
        { signal },
      );
      for (const curve of curves) {
        const key = labels.get(curve.key);
        const latest = curve.last.at(-1);
        if (key === undefined || latest === undefined) continue;
        some.get(curve.runId)?.metrics.push(create(MetricSummarySchema, { key, latest, latestStep: step }));
      }
    }
  });
  await Promise.all(calls);
}

/** The metric that a column shows at a step. */
function metricKey(column: Column): string {
  return keyOf(column.field.replace(/@-?\d+$/, "")).key;
}

/** A run as it is `now`, if that is told, with what its metrics were at steps, which is not told again. */
export function withSteps(before: Run, now: Run | undefined): Run {
  if (!now) return before;
  const told = new Set(now.metrics.map(({ key }) => key));
  const kept = before.metrics.filter(({ key }) => key.includes("@") && !told.has(key));
  return kept.length ? { ...now, metrics: [...now.metrics, ...kept] } : now;
}

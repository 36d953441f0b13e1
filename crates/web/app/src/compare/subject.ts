import { useMemo } from "react";
import type { Scope } from "../api/fields";
import { listOf, usePlace } from "../state/url";

/** What is compared: some runs, or what a filter finds in an experiment. */
export interface Subject {
  experimentId: bigint | undefined;
  runIds: readonly string[];
  /** What finds the runs. */
  scope: Scope;
  /** The metric by which runs are good or bad, as the address says it. */
  objective: string | undefined;
  goal: Goal | undefined;
  /** Whether what is the same in all runs is shown too. */
  showsAll: boolean;
  /** Fields that are axes of the parallel coordinates, if they are chosen. */
  axes: readonly string[];
  /** Parts of axes: runs outside of them are dimmed. */
  brushes: ReadonlyMap<string, readonly [number, number]>;
  scatter: { x: string | undefined; y: string | undefined; colour: string | undefined };
  groupBy: string | undefined;
}

export type Goal = "min" | "max";

/** Runs that are named one by one: more would be too long a filter. */
export const NAMED = 400;
/** Runs of a filter that are compared: those that are best. */
export const COMPARED = 500;

export function useSubject(): Subject {
  const { query } = usePlace();
  return useMemo(() => {
    const experiment = query.get("experiment");
    const experimentId = experiment && /^\d+$/.test(experiment) ? BigInt(experiment) : undefined;
    const runIds = [...new Set(listOf(query, "runs"))]
      .filter((id) => /^[0-9a-f]{32}$/.test(id))
      .slice(0, NAMED);
    const filter = runIds.length
      ? `attributes.run_id IN (${runIds.map((id) => `'${id}'`).join(",")})`
      : (query.get("q") ?? "");
    const goal = query.get("goal");
    return {
      experimentId,
      runIds,
      scope: { experimentIds: experimentId === undefined ? [] : [experimentId], filter },
      objective: query.get("objective") ?? undefined,
      goal: goal === "min" || goal === "max" ? goal : undefined,
      showsAll: query.get("show") === "all",
      axes: listOf(query, "axes"),
      brushes: new Map(
        listOf(query, "brush").flatMap((entry) => {
          const [, field = "", low, high] = /^(.*)=([\d.]+):([\d.]+)$/.exec(entry) ?? [];
          return field ? [[field, [Number(low), Number(high)] as const] as const] : [];
        }),
      ),
      scatter: {
        x: query.get("sx") ?? undefined,
        y: query.get("sy") ?? undefined,
        colour: query.get("sc") ?? undefined,
      },
      groupBy: query.get("group") ?? undefined,
    };
  }, [query]);
}

/** Whether small values of a metric are the good ones, by what it is called. */
export function goalOf(metric: string): Goal {
  return /(^|[/_.-])(loss|err|error|mse|rmse|mae|mape|nll|perplexity|ppl|wer|cer|fid|latency|time|cost)([/_.-]|$)/i.test(
    metric,
  )
    ? "min"
    : "max";
}

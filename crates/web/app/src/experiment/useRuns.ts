import { useEffect, useRef } from "react";
import { runs as service } from "../api/clients";
import { View as Lifecycles } from "../generated/herdbook/common/v1/lifecycle_pb";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor } from "../table/columns";
import { addSteps, withSteps } from "../table/steps";
import { type Kept, useBook } from "../table/useBook";
import { useWatch } from "./useWatch";

/** Which runs, in which order, with what of each. */
export interface Question {
  experimentId: bigint;
  filter: string;
  order: string;
  /** Whether those that are deleted, instead of the others. */
  deleted: boolean;
  columns: readonly string[];
  /** So many from the first on are wanted, seen or not. */
  top: number;
}

/** How often rows are read anew: seldom where the server tells of changes. */
const POLL_MS = 3000;
const POLL_TOLD_MS = 20_000;
/** Changes come in bursts, each of which moves rows at most once. */
const SETTLE_MS = 1000;

/** The runs of a table: those that are seen, wherever one scrolls to, and what changes in them. */
export function useRuns(question: Question | undefined): Kept<Run> {
  const kept = useBook<Run>(
    question && {
      key: `${question.experimentId} ${question.filter} ${question.order} ${question.deleted}`,
      columns: question.columns.join("\n"),
      top: question.top,
      nameOf: (run) => run.id,
      search: (skip, count, signal) => search(question, skip, count, signal),
      count: (signal) => countRuns(question.experimentId, question.filter, signal, question.deleted),
    },
  );
  const { change, reload, refresh, isBusy } = kept;

  const settling = useRef<ReturnType<typeof setTimeout>>(undefined);
  const told = useWatch(question, (changed, moved) => {
    if (changed.length) {
      const byId = new Map(changed.map((run) => [run.id, run]));
      change((run) => withSteps(run, byId.get(run.id)));
    }
    if (!moved) return;
    clearTimeout(settling.current);
    settling.current = setTimeout(refresh, SETTLE_MS);
  });
  useEffect(() => () => clearTimeout(settling.current), []);
  useEffect(() => {
    const timer = setInterval(
      () => {
        if (document.visibilityState === "visible" && !isBusy()) reload();
      },
      told ? POLL_TOLD_MS : POLL_MS,
    );
    return () => clearInterval(timer);
  }, [told, isBusy, reload]);
  return kept;
}

async function search(
  question: Question,
  skip: number,
  pageSize: number,
  signal: AbortSignal,
): Promise<Run[]> {
  const page = await service.searchRuns(
    {
      experimentIds: [question.experimentId],
      filter: question.filter,
      orderBy: question.order ? [question.order] : [],
      columns: askedFor(question.columns),
      view: question.deleted ? Lifecycles.DELETED : Lifecycles.ACTIVE,
      skip,
      pageSize,
    },
    { signal },
  );
  await addSteps(page.runs, question.columns, signal);
  return page.runs;
}

/** How many runs of an experiment pass a filter. */
export async function countRuns(
  experimentId: bigint,
  filter: string,
  signal: AbortSignal,
  deleted = false,
): Promise<number> {
  const { groups } = await service.aggregateRuns(
    {
      experimentIds: [experimentId],
      filter,
      view: deleted ? Lifecycles.DELETED : Lifecycles.ACTIVE,
      pageSize: 1,
    },
    { signal },
  );
  return Number(groups[0]?.runCount ?? 0);
}

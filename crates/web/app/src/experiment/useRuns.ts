import { useCallback, useEffect, useRef, useState } from "react";
import { runs } from "../api/clients";
import { isLost, useConnection } from "../api/connection";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor } from "../table/columns";
import { type Held, merged } from "./held";

/** Which runs, in which order, with what of each. */
export interface Question {
  experimentId: bigint;
  filter: string;
  order: string;
  columns: readonly string[];
}

export interface Runs {
  /** Those that are loaded, from the first on. */
  rows: readonly Run[];
  /** How many there are; those loaded, until that is known. */
  total: number;
  error: unknown;
  /** The rows answer an earlier question. */
  stale: boolean;
  /** Loads as far as the row of this index. */
  reach: (index: number) => void;
  reload: () => void;
}

/** The first page is small, so that it is there at once. */
const FIRST_PAGE = 100;
const PAGE = 1000;
/** How often runs are looked for that are new or have changed. */
const POLL_MS = 3000;

const NONE: Held = { key: "", rows: [], total: undefined, next: undefined, error: undefined };

/** The runs of a table: a page at a time as one scrolls towards them, the first one anew every few seconds. */
export function useRuns(question: Question | undefined): Runs {
  const key = JSON.stringify(question, (_name, value) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  const [held, setHeld] = useState<Held>(NONE);
  const [round, setRound] = useState(0);
  const { epoch } = useConnection();
  const wanted = useRef(0);
  const paging = useRef(false);
  const underWay = useRef(false);
  const newest = useRef(held);
  newest.current = held;
  const asked = useRef(question);
  asked.current = question;

  useEffect(() => {
    if (!question) return;
    const abort = new AbortController();
    underWay.current = true;
    const pageSize =
      newest.current.key === key
        ? Math.max(FIRST_PAGE, Math.min(newest.current.rows.length, PAGE))
        : FIRST_PAGE;
    Promise.all([search(question, pageSize, "", abort.signal), total(question, abort.signal)]).then(
      ([page, all]) => {
        if (abort.signal.aborted) return;
        underWay.current = false;
        setHeld((before) => merged(before, key, page.runs, all, page.nextPageToken));
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        underWay.current = false;
        setHeld((before) => (isLost(error) && before.key ? before : { ...before, key, error }));
      },
    );
    return () => abort.abort();
  }, [key, round, epoch]);

  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !underWay.current) setRound((before) => before + 1);
    }, POLL_MS);
    return () => clearInterval(timer);
  }, []);

  const more = useCallback(async () => {
    if (paging.current) return;
    paging.current = true;
    try {
      for (;;) {
        const { key: at, rows, next } = newest.current;
        if (!asked.current || !next || rows.length > wanted.current) return;
        const page = await search(asked.current, PAGE, next);
        if (newest.current.key !== at) continue;
        const known = new Set(rows.map((run) => run.id));
        const grown: Held = {
          ...newest.current,
          rows: [...newest.current.rows, ...page.runs.filter((run) => !known.has(run.id))],
          next: page.nextPageToken || undefined,
        };
        newest.current = grown;
        setHeld(grown);
      }
    } catch {
      // Tried again with the next scroll, or when the connection is back.
    } finally {
      paging.current = false;
    }
  }, []);

  const reach = useCallback(
    (index: number) => {
      wanted.current = index;
      void more();
    },
    [more],
  );
  useEffect(() => {
    if (epoch >= 0 && held.next) void more();
  }, [more, held.next, epoch]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  return {
    rows: held.rows,
    total: Math.max(held.total ?? 0, held.next ? held.rows.length + 1 : held.rows.length),
    error: held.key === key ? held.error : undefined,
    stale: held.key !== key,
    reach,
    reload,
  };
}

function search(question: Question, pageSize: number, pageToken: string, signal?: AbortSignal) {
  return runs.searchRuns(
    {
      experimentIds: [question.experimentId],
      filter: question.filter,
      orderBy: question.order ? [question.order] : [],
      columns: askedFor(question.columns),
      pageSize,
      pageToken,
    },
    signal ? { signal } : {},
  );
}

async function total(question: Question, signal: AbortSignal): Promise<number> {
  return countRuns(question.experimentId, question.filter, signal);
}

/** How many runs of an experiment pass a filter. */
export async function countRuns(experimentId: bigint, filter: string, signal: AbortSignal): Promise<number> {
  const { groups } = await runs.aggregateRuns(
    { experimentIds: [experimentId], filter, pageSize: 1 },
    { signal },
  );
  return Number(groups[0]?.runCount ?? 0);
}

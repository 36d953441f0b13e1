import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { runs as service } from "../api/clients";
import { isLost, useConnection } from "../api/connection";
import { View as Lifecycles } from "../generated/herdbook/common/v1/lifecycle_pb";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor } from "../table/columns";
import { addSteps } from "../table/steps";
import {
  type Book,
  calls,
  EMPTY,
  firstRows,
  only,
  PAGE,
  pagesOf,
  type Range,
  replaced,
  rowAt,
  written,
} from "./book";
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

export interface Runs {
  /** The first, as far as they are known without a gap. */
  rows: readonly Run[];
  /** The run at a place, if it is known. */
  at: (index: number) => Run | undefined;
  /** How many there are; undefined until that is known. */
  total: number | undefined;
  error: unknown;
  /** What is known answers an earlier question. */
  stale: boolean;
  /** Says which rows are seen, so that they are known soon. */
  see: (first: number, last: number) => void;
  reload: () => void;
}

/** How often rows are read anew: seldom where the server tells of changes. */
const POLL_MS = 3000;
const POLL_TOLD_MS = 20_000;
/** Changes come in bursts, each of which moves rows at most once. */
const SETTLE_MS = 1000;

/** The runs of a table: those that are seen, wherever one scrolls to, and what changes in them. */
export function useRuns(question: Question | undefined): Runs {
  const which =
    question && `${question.experimentId} ${question.filter} ${question.order} ${question.deleted}`;
  const columns = question?.columns.join("\n");
  const [held, setHeld] = useState<{ which: string | undefined; book: Book; error: unknown }>({
    which: undefined,
    book: EMPTY,
    error: undefined,
  });
  const [round, setRound] = useState(0);
  const { epoch } = useConnection();
  const seen = useRef<Range>([0, PAGE - 1]);
  const asked = useRef(question);
  asked.current = question;
  const newest = useRef(held);
  newest.current = held;
  const abort = useRef(new AbortController());
  const underWay = useRef(false);
  const again = useRef(false);
  /** Runs that the server told of since the call under way began: its answer may be of before. */
  const late = useRef<readonly Run[]>([]);
  const counted = useRef<{ which: string | undefined; total: number }>(undefined);

  const ranges = (): Range[] => {
    const top = asked.current?.top ?? 0;
    return [[0, Math.max(0, top - 1)], seen.current];
  };

  const put = useCallback((change: (book: Book) => Book, key: string | undefined) => {
    const before = newest.current;
    const total = counted.current?.which === key ? counted.current?.total : undefined;
    const book = { ...change(before.which === key ? before.book : EMPTY), total };
    newest.current = { which: key, book, error: undefined };
    setHeld(newest.current);
  }, []);

  /** Asks for pages that are wanted: all of them, or those that are not known. */
  const ask = useCallback(
    async (anew: boolean) => {
      const mine = abort.current;
      const { signal } = mine;
      if (!asked.current || underWay.current) {
        again.current = true;
        return;
      }
      underWay.current = true;
      try {
        for (let whole = anew; asked.current; whole = false) {
          again.current = false;
          const { book, which: known } = newest.current;
          const wanted = pagesOf(ranges(), known === which ? book.total : undefined);
          const missing = whole || known !== which ? wanted : wanted.filter((page) => !book.pages.has(page));
          for (const { page, count } of calls(missing)) {
            late.current = [];
            const found = await search(asked.current, page * PAGE, count * PAGE, signal);
            if (signal.aborted) return;
            put((before) => replaced(written(before, page, found), late.current), which);
          }
          if (whole) put((before) => only(before, wanted), which);
          if (!again.current && missing.length === 0) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        // The bar tells of a lost connection, and what is known stays.
        const keep = isLost(error) && newest.current.which === which;
        if (!keep) setHeld((before) => ({ ...before, which, error }));
      } finally {
        if (abort.current === mine) underWay.current = false;
      }
    },
    [which, put],
  );

  useEffect(() => {
    if (which === undefined) return;
    abort.current.abort();
    abort.current = new AbortController();
    underWay.current = false;
    const { signal } = abort.current;
    void ask(true);
    const { experimentId = 0n, filter = "", deleted = false } = asked.current ?? {};
    countRuns(experimentId, filter, signal, deleted).then(
      (total) => {
        if (signal.aborted) return;
        counted.current = { which, total };
        // Rows of the question before stay until there are some of this one.
        if (newest.current.which === which) put((before) => before, which);
      },
      // The rows tell what is wrong.
      () => undefined,
    );
  }, [ask, columns, round, epoch, which, put]);
  useEffect(() => () => abort.current.abort(), []);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const settling = useRef<ReturnType<typeof setTimeout>>(undefined);
  const told = useWatch(question, (changed, moved) => {
    late.current = [...late.current, ...changed];
    if (changed.length) put((before) => replaced(before, changed), newest.current.which);
    if (!moved) return;
    const later = () => {
      if (underWay.current) settling.current = setTimeout(later, SETTLE_MS);
      else reload();
    };
    clearTimeout(settling.current);
    settling.current = setTimeout(later, SETTLE_MS);
  });
  useEffect(() => () => clearTimeout(settling.current), []);
  useEffect(() => {
    const timer = setInterval(
      () => {
        if (document.visibilityState === "visible" && !underWay.current) reload();
      },
      told ? POLL_TOLD_MS : POLL_MS,
    );
    return () => clearInterval(timer);
  }, [told, reload]);

  const see = useCallback(
    (first: number, last: number) => {
      seen.current = [first, last];
      void ask(false);
    },
    [ask],
  );
  useEffect(() => {
    if (question?.top) void ask(false);
  }, [ask, question?.top]);

  const { book } = held;
  const rows = useMemo(() => firstRows(book), [book]);
  const at = useCallback((index: number) => rowAt(book, index), [book]);
  return {
    rows,
    at,
    total: book.total,
    error: held.which === which ? held.error : undefined,
    stale: held.which !== which,
    see,
    reload,
  };
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

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { isLost, useConnection } from "../api/connection";
import {
  type Book,
  calls,
  changed,
  EMPTY,
  firstRows,
  only,
  PAGE,
  pagesOf,
  type Range,
  rowAt,
  written,
} from "./book";

/** Until rows that are on their way are looked for again. */
const BUSY_MS = 1000;

/** Which rows, and how they are asked for. */
export interface Rows<Row> {
  /** What rows there are, and in which order: those of another key are other rows. */
  key: string;
  /** What is asked of each: with another, the same rows are asked anew. */
  columns?: string;
  /** So many from the first on are wanted, seen or not. */
  top: number;
  nameOf: (row: Row) => string;
  search: (skip: number, count: number, signal: AbortSignal) => Promise<readonly Row[]>;
  count: (signal: AbortSignal) => Promise<number>;
}

export interface Kept<Row> {
  /** The first, as far as they are known without a gap. */
  rows: readonly Row[];
  /** All that are known, in their order. */
  known: readonly Row[];
  /** The row at a place, if it is known. */
  at: (index: number) => Row | undefined;
  /** How many there are; undefined until that is known. */
  total: number | undefined;
  error: unknown;
  /** What is known answers an earlier question. */
  stale: boolean;
  /** Says which rows are seen, so that they are known soon. */
  see: (first: number, last: number) => void;
  /** Changes rows where they stand, also in the answer of a call under way, which may be of before. */
  change: (change: (row: Row) => Row) => void;
  /** Reads what is seen anew, and counts. */
  reload: () => void;
  /** The same as soon as no rows are on their way, so that changes that come faster than answers do not keep them off. */
  refresh: () => void;
  /** Whether rows are on their way. */
  isBusy: () => boolean;
}

/** The rows of a table: those that are seen, wherever one scrolls to, by pages that are read when they are needed. */
export function useBook<Row>(question: Rows<Row> | undefined): Kept<Row> {
  const key = question?.key;
  const [held, setHeld] = useState<{ key: string | undefined; book: Book<Row>; error: unknown }>({
    key: undefined,
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
  /** Changes since the call under way began: its answer may be of before. */
  const late = useRef<((row: Row) => Row)[]>([]);
  const counted = useRef<{ key: string | undefined; total: number }>(undefined);

  const put = useCallback((next: (book: Book<Row>) => Book<Row>, of: string | undefined) => {
    const before = newest.current;
    const total = counted.current?.key === of ? counted.current?.total : undefined;
    const book = { ...next(before.key === of ? before.book : EMPTY), total };
    newest.current = { key: of, book, error: undefined };
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
          const { top, search, nameOf } = asked.current;
          const { book, key: known } = newest.current;
          const ranges: Range[] = [[0, Math.max(0, top - 1)], seen.current];
          const wanted = pagesOf(ranges, known === key ? book.total : undefined);
          const missing = whole || known !== key ? wanted : wanted.filter((page) => !book.pages.has(page));
          for (const { page, count } of calls(missing)) {
            late.current = [];
            const found = await search(page * PAGE, count * PAGE, signal);
            if (signal.aborted) return;
            put((before) => late.current.reduce(changed, written(before, page, found, nameOf)), key);
          }
          if (whole) put((before) => only(before, wanted), key);
          if (!again.current && missing.length === 0) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        // The bar tells of a lost connection, and what is known stays.
        const keep = isLost(error) && newest.current.key === key;
        if (!keep) setHeld((before) => ({ ...before, key, error }));
      } finally {
        if (abort.current === mine) underWay.current = false;
      }
    },
    [key, put],
  );

  useEffect(() => {
    if (key === undefined || !asked.current) return;
    abort.current.abort();
    abort.current = new AbortController();
    underWay.current = false;
    const { signal } = abort.current;
    void ask(true);
    asked.current.count(signal).then(
      (total) => {
        if (signal.aborted) return;
        counted.current = { key, total };
        // Rows of the question before stay until there are some of this one.
        if (newest.current.key === key) put((before) => before, key);
      },
      // The rows tell what is wrong.
      () => undefined,
    );
  }, [ask, question?.columns, round, epoch, key, put]);
  useEffect(() => () => abort.current.abort(), []);

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

  const change = useCallback(
    (one: (row: Row) => Row) => {
      late.current = [...late.current, one];
      put((before) => changed(before, one), newest.current.key);
    },
    [put],
  );
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const refresh = useCallback(() => {
    clearTimeout(waiting.current);
    if (underWay.current) waiting.current = setTimeout(refresh, BUSY_MS);
    else reload();
  }, [reload]);
  useEffect(() => () => clearTimeout(waiting.current), []);
  const isBusy = useCallback(() => underWay.current, []);

  const { book } = held;
  const rows = useMemo(() => firstRows(book), [book]);
  const known = useMemo(
    () => [...book.pages].sort(([one], [other]) => one - other).flatMap(([, page]) => page),
    [book],
  );
  const at = useCallback((index: number) => rowAt(book, index), [book]);
  return {
    rows,
    known,
    at,
    total: book.total,
    error: held.key === key ? held.error : undefined,
    stale: held.key !== key,
    see,
    change,
    reload,
    refresh,
    isBusy,
  };
}

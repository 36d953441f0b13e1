import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** What is known of the runs of a table, page by page: those that were looked at, wherever they are. */
export interface Book {
  pages: ReadonlyMap<number, readonly Run[]>;
  total: number | undefined;
}

/** Rows from one to another, the last included. */
export type Range = readonly [first: number, last: number];

/** Rows of a page, and pages of one call. */
export const PAGE = 100;
export const PAGES_A_CALL = 10;

export const EMPTY: Book = { pages: new Map(), total: undefined };

export function rowAt(book: Book, index: number): Run | undefined {
  return book.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
}

/** The rows from the first on, up to where one is not known. */
export function firstRows(book: Book): Run[] {
  const rows: Run[] = [];
  for (let page = 0; book.pages.has(page); page++) rows.push(...(book.pages.get(page) ?? []));
  return rows;
}

/** The numbers of the pages in which ranges lie. */
export function pagesOf(ranges: readonly Range[], total: number | undefined): number[] {
  const pages = new Set<number>();
  for (const [first, last] of ranges) {
    const end = total === undefined ? last : Math.min(last, total - 1);
    for (let page = Math.floor(first / PAGE); page * PAGE <= end; page++) pages.add(page);
  }
  return [...pages].sort((a, b) => a - b);
}

/** Pages in a row as one call each. */
export function calls(pages: readonly number[]): { page: number; count: number }[] {
  const asked: { page: number; count: number }[] = [];
  for (const page of pages) {
    const last = asked.at(-1);
    if (last && last.page + last.count === page && last.count < PAGES_A_CALL) last.count += 1;
    else asked.push({ page, count: 1 });
  }
  return asked;
}

/**
 * The book with what a call answered, from a page on. Where other runs stand there than before, the pages that were
 * not asked anew hold what once was: they are forgotten.
 */
export function written(book: Book, page: number, runs: readonly Run[]): Book {
  const fresh = new Map<number, readonly Run[]>();
  for (let at = 0; at === 0 || at * PAGE < runs.length; at++) {
    fresh.set(page + at, runs.slice(at * PAGE, (at + 1) * PAGE));
  }
  const moved = [...fresh].some(([number, rows]) => {
    const before = book.pages.get(number);
    return before !== undefined && ids(before) !== ids(rows);
  });
  return { ...book, pages: moved ? fresh : new Map([...book.pages, ...fresh]) };
}

/** The book with some of its pages alone: the others are of another time, or have other columns. */
export function only(book: Book, pages: readonly number[]): Book {
  return { ...book, pages: new Map([...book.pages].filter(([number]) => pages.includes(number))) };
}

/** The book with runs as they are now, where they stand. */
export function replaced(book: Book, changed: readonly Run[]): Book {
  const byId = new Map(changed.map((run) => [run.id, run]));
  const pages = [...book.pages].map(([number, rows]) => {
    const touched = rows.some((run) => byId.has(run.id));
    return [number, touched ? rows.map((run) => withSteps(run, byId.get(run.id))) : rows] as const;
  });
  return { ...book, pages: new Map(pages) };
}

/** A run as it is now, with what its metrics were at steps, which the server does not tell again. */
function withSteps(before: Run, now: Run | undefined): Run {
  if (!now) return before;
  const told = new Set(now.metrics.map(({ key }) => key));
  const kept = before.metrics.filter(({ key }) => key.includes("@") && !told.has(key));
  return kept.length ? { ...now, metrics: [...now.metrics, ...kept] } : now;
}

function ids(rows: readonly Run[]): string {
  return rows.map((run) => run.id).join();
}

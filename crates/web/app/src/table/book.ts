/** What is known of the rows of a table, page by page: those that were looked at, wherever they are. */
export interface Book<Row> {
  pages: ReadonlyMap<number, readonly Row[]>;
  total: number | undefined;
}

/** Rows from one to another, the last included. */
export type Range = readonly [first: number, last: number];

/** Rows of a page, and pages of one call. */
export const PAGE = 100;
export const PAGES_A_CALL = 10;

export const EMPTY: Book<never> = { pages: new Map(), total: undefined };

export function rowAt<Row>(book: Book<Row>, index: number): Row | undefined {
  return book.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
}

/** The rows from the first on, up to where one is not known. */
export function firstRows<Row>(book: Book<Row>): Row[] {
  const rows: Row[] = [];
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
 * The book with what a call answered, from a page on. Where other rows stand there than before, by their names, the pages
 * that were not asked anew hold what once was: they are forgotten.
 */
export function written<Row>(
  book: Book<Row>,
  page: number,
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): Book<Row> {
  const fresh = new Map<number, readonly Row[]>();
  for (let at = 0; at === 0 || at * PAGE < rows.length; at++) {
    fresh.set(page + at, rows.slice(at * PAGE, (at + 1) * PAGE));
  }
  const names = (of: readonly Row[]) => of.map(nameOf).join("\n");
  const moved = [...fresh].some(([number, now]) => {
    const before = book.pages.get(number);
    return before !== undefined && names(before) !== names(now);
  });
  return { ...book, pages: moved ? fresh : new Map([...book.pages, ...fresh]) };
}

/** The book with some of its pages alone: the others are of another time, or have other columns. */
export function only<Row>(book: Book<Row>, pages: readonly number[]): Book<Row> {
  return { ...book, pages: new Map([...book.pages].filter(([number]) => pages.includes(number))) };
}

/** The book with rows as `change` leaves them, where they stand. */
export function changed<Row>(book: Book<Row>, change: (row: Row) => Row): Book<Row> {
  const pages = [...book.pages].map(([number, rows]) => {
    const now = rows.map(change);
    return [number, now.every((row, at) => row === rows[at]) ? rows : now] as const;
  });
  return { ...book, pages: new Map(pages) };
}

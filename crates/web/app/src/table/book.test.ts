import { expect, it } from "vitest";
import { calls, changed, EMPTY, firstRows, only, PAGE, pagesOf, rowAt, written } from "./book";

interface Row {
  name: string;
  user: string;
}

const rows = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, at) => ({ name: `${from + at}`, user: "" }));
const put = (book: Parameters<typeof written<Row>>[0], page: number, found: Row[]) =>
  written(book, page, found, ({ name }) => name);

it("has rows where they were looked at", () => {
  const book = put(put(EMPTY, 0, rows(0, PAGE)), 400, rows(400 * PAGE, 2 * PAGE));
  expect(rowAt(book, 3)?.name).toBe("3");
  expect(rowAt(book, 401 * PAGE)?.name).toBe(`${401 * PAGE}`);
  expect(rowAt(book, 5000)).toBeUndefined();
  expect(firstRows(book)).toHaveLength(PAGE);
});

it("asks for what is seen in few calls", () => {
  expect(
    pagesOf(
      [
        [0, 9],
        [PAGE - 1, PAGE],
      ],
      undefined,
    ),
  ).toEqual([0, 1]);
  expect(pagesOf([[0, 9999]], 150)).toEqual([0, 1]);
  expect(pagesOf([[0, 0]], 0)).toEqual([]);
  expect(calls([0, 1, 7, 8, 9])).toEqual([
    { page: 0, count: 2 },
    { page: 7, count: 3 },
  ]);
});

it("forgets other pages when rows have moved, and keeps them when they have not", () => {
  const book = put(put(EMPTY, 0, rows(0, PAGE)), 7, rows(7 * PAGE, PAGE));
  expect(put(book, 0, rows(0, PAGE)).pages.size).toBe(2);
  const moved = put(book, 0, rows(1, PAGE));
  expect([...moved.pages.keys()]).toEqual([0]);
});

it("keeps the pages that were asked anew", () => {
  const book = put(put(EMPTY, 0, rows(0, PAGE)), 7, rows(7 * PAGE, PAGE));
  expect([...only(book, [7]).pages.keys()]).toEqual([7]);
});

it("changes rows where they stand, and leaves pages without them as they are", () => {
  const book = put(put(EMPTY, 0, rows(0, PAGE)), 1, rows(PAGE, 3));
  const now = changed(book, (row) => (row.name === "1" ? { ...row, user: "ana" } : row));
  expect(rowAt(now, 1)?.user).toBe("ana");
  expect(rowAt(now, 2)?.user).toBe("");
  expect(now.pages.get(1)).toBe(book.pages.get(1));
});

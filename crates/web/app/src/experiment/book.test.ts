import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { calls, EMPTY, firstRows, only, PAGE, pagesOf, replaced, rowAt, written } from "./book";

const runs = (from: number, count: number, user = "") =>
  Array.from({ length: count }, (_, at) => create(RunSchema, { id: `${from + at}`, user }));

it("has rows where they were looked at", () => {
  const book = written(written(EMPTY, 0, runs(0, PAGE)), 400, runs(400 * PAGE, 2 * PAGE));
  expect(rowAt(book, 3)?.id).toBe("3");
  expect(rowAt(book, 401 * PAGE)?.id).toBe(`${401 * PAGE}`);
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
  const book = written(written(EMPTY, 0, runs(0, PAGE)), 7, runs(7 * PAGE, PAGE));
  expect(written(book, 0, runs(0, PAGE)).pages.size).toBe(2);
  const moved = written(book, 0, runs(1, PAGE));
  expect([...moved.pages.keys()]).toEqual([0]);
});

it("keeps the pages that were asked anew", () => {
  const book = written(written(EMPTY, 0, runs(0, PAGE)), 7, runs(7 * PAGE, PAGE));
  expect([...only(book, [7]).pages.keys()]).toEqual([7]);
});

it("changes runs where they stand", () => {
  const book = written(EMPTY, 0, runs(0, 3));
  expect(rowAt(replaced(book, runs(1, 1, "ana")), 1)?.user).toBe("ana");
  expect(rowAt(replaced(book, runs(9, 1, "ana")), 1)?.user).toBe("");
});

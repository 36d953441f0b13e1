import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { type Held, merged } from "./held";

const runs = (...ids: string[]) => ids.map((id) => create(RunSchema, { id }));
const held = (...ids: string[]): Held => ({
  key: "q",
  rows: runs(...ids),
  total: 9,
  next: "t",
  error: undefined,
});
const ids = (after: Held) => after.rows.map((run) => run.id).join("");

it("puts new runs before those that are known, and loses none", () => {
  expect(ids(merged(held("c", "b", "a", "0"), "q", runs("f", "e", "d"), 7, "n"))).toBe("fedcba0");
  expect(ids(merged(held("c", "b", "a", "0"), "q", runs("e", "d", "c"), 6, "n"))).toBe("edcba0");
});

it("drops what was deleted, and goes on behind the last row", () => {
  const after = merged(held("c", "b", "a", "0"), "q", runs("c", "a"), 3, "n");
  expect(ids(after)).toBe("ca0");
  expect(after.next).toBe("t");
});

it("begins anew with another question", () => {
  expect(ids(merged(held("c", "b", "a"), "other", runs("z"), 1, ""))).toBe("z");
});

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { StaySchema } from "../generated/herdbook/registry/v1/transition_pb";
import { periodsOf } from "./stays";

function stay(version: number, from: number | undefined, to?: number) {
  return create(StaySchema, {
    version: BigInt(version),
    ...(from === undefined ? {} : { enteredAt: timestampFromMs(from) }),
    ...(to === undefined ? {} : { leftAt: timestampFromMs(to) }),
  });
}

const told = (stays: ReturnType<typeof stay>[], now: number) =>
  periodsOf(stays, now).map(({ from, to, stay: one }) => [one ? Number(one.version) : "gap", from, to]);

it("tells what stood when, oldest first, and the gaps between", () => {
  expect(told([stay(3, 500), stay(2, 100, 300), stay(1, 0, 100)], 900)).toEqual([
    [1, 0, 100],
    [2, 100, 300],
    ["gap", 300, 500],
    [3, 500, 900],
  ]);
});

it("ends with a gap where nothing stands now", () => {
  expect(told([stay(1, 0, 100)], 900).at(-1)).toEqual(["gap", 100, 900]);
});

it("sees no gap while another of several still stands", () => {
  expect(told([stay(2, 200, 300), stay(1, 0)], 900)).toEqual([
    [1, 0, 900],
    [2, 200, 300],
  ]);
});

it("begins a stay whose beginning was not recorded with its end", () => {
  expect(told([stay(1, undefined, 100)], 150)).toEqual([
    [1, 100, 100],
    ["gap", 100, 150],
  ]);
});

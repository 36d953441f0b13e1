import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ValueSchema } from "../generated/herdbook/tracking/v1/value_pb";
import { valuesAt } from "./steps";

const series = [10n, 10n, 20n, 40n].map((step, at) => create(ValueSchema, { key: "k", step, index: at % 2 }));
const steps = (step: bigint | undefined) => valuesAt(series, step).map((value) => value.step);

it("shows what stood at a step", () => {
  expect(steps(20n)).toEqual([20n]);
  expect(steps(39n)).toEqual([20n]);
  expect(steps(10n)).toEqual([10n, 10n]);
});

it("shows the last without a step, and the first before any", () => {
  expect(steps(undefined)).toEqual([40n]);
  expect(steps(1n)).toEqual([10n, 10n]);
  expect(valuesAt([], 1n)).toEqual([]);
});

import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { progressOf } from "./progress";

const run = (params: Record<string, string>, latestStep: bigint) =>
  create(RunSchema, { params, metrics: [{ key: "loss", latest: 1, latestStep }] });

it("is told by the params and the largest step", () => {
  expect(progressOf(run({ max_steps: "200" }, 50n))?.part).toBe(0.25);
  expect(progressOf(run({ epochs: "10" }, 5n))?.part).toBe(0.5);
});

it("is not told where nothing says how far it goes, or the step is of something else", () => {
  expect(progressOf(run({ lr: "0.1" }, 50n))).toBeUndefined();
  expect(progressOf(run({ epochs: "10" }, 5000n))).toBeUndefined();
});

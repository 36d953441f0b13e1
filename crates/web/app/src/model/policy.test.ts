import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { Comparison, PolicySchema } from "../generated/herdbook/registry/v1/model_pb";
import { Direction } from "../generated/herdbook/registry/v1/rule_pb";
import { VersionSchema } from "../generated/herdbook/registry/v1/version_pb";
import {
  isPromotion,
  moveOf,
  nextStage,
  pinnedMetrics,
  ruledMetrics,
  servingStage,
  targetsOf,
  verdictOf,
} from "./policy";

const policy = create(PolicySchema, {
  stages: [
    { name: "None" },
    { name: "Staging" },
    { name: "Production", exclusive: true, displacedTo: "Archived" },
    { name: "Archived" },
    { name: "Banned", terminal: true },
  ],
  moves: [
    { from: "*", to: "Archived" },
    { from: "*", to: "Banned" },
    {
      from: "None",
      to: "Staging",
      rules: [{ rule: { case: "noWorse", value: { metric: "loss", direction: 2 } } }],
    },
    {
      from: "Staging",
      to: "Production",
      rules: [
        {
          rule: {
            case: "metricThreshold",
            value: { metric: "acc", comparison: Comparison.AT_LEAST, threshold: 0.9 },
          },
        },
      ],
    },
  ],
});

it("finds the moves that a version has", () => {
  expect(targetsOf(policy, "Staging")).toEqual(["Production", "Archived", "Banned"]);
  expect(targetsOf(policy, "Archived")).toEqual(["Banned"]);
  expect(targetsOf(policy, "Banned")).toEqual([]);
  expect(moveOf(policy, "None", "Production")).toBeUndefined();
  expect(nextStage(policy, "None")).toBe("Staging");
  expect(nextStage(policy, "Banned")).toBeUndefined();
});

it("knows what serves, and what leads there", () => {
  expect(servingStage(policy)).toBe("Production");
  expect(isPromotion(policy, "Staging", "Production")).toBe(true);
  expect(isPromotion(policy, "Staging", "Archived")).toBe(false);
  expect(isPromotion(policy, "Production", "Staging")).toBe(false);
});

it("shows the metrics that rules speak of, those of what serves first, unless others were chosen", () => {
  expect([...ruledMetrics(policy)]).toEqual([
    ["acc", Direction.HIGHER],
    ["loss", Direction.LOWER],
  ]);
  const versions = [create(VersionSchema, { metrics: { loss: 1, f1: 2, acc: 3, "system/cpu": 4 } })];
  expect(pinnedMetrics([], policy, versions)).toEqual(["acc", "loss"]);
  expect(pinnedMetrics(["f1"], policy, versions)).toEqual(["f1"]);
  expect(pinnedMetrics([], create(PolicySchema), versions)).toEqual(["acc", "f1"]);
});

it("calls a difference good only where it is known which way is", () => {
  expect(verdictOf(0.1, Direction.HIGHER)).toBe("good");
  expect(verdictOf(0.1, Direction.LOWER)).toBe("bad");
  expect(verdictOf(0.1, undefined)).toBeUndefined();
  expect(verdictOf(0, Direction.LOWER)).toBeUndefined();
});

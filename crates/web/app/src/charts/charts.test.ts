import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CurveAxis, CurveSchema } from "../generated/herdbook/tracking/v1/metric_pb";
import { assignSeries, seriesOf } from "./colours";
import { dashesOf, dotted, OF_KEYS, OF_SPLITS } from "./dashes";
import { csv } from "./export";
import { append, emptyLine, lineOf, nearest } from "./line";
import { combineBy, panelsOf, splitOf } from "./panels";
import { plain } from "./picture";
import { smooth } from "./smooth";
import { ticksOf } from "./ticks";

describe("lines", () => {
  it("has a gap and a mark where values are not finite", () => {
    const curve = create(CurveSchema, {
      runId: "r",
      key: "loss",
      firstX: [1n, 2n, 3n],
      lastX: [1n, 2n, 3n],
      first: [0.5, Number.POSITIVE_INFINITY, 0.3],
      last: [0.5, Number.POSITIVE_INFINITY, 0.3],
      min: [0.5, Number.NaN, 0.3],
      max: [0.5, Number.NaN, 0.3],
      sum: [0.5, 0, 0.3],
      count: [1n, 1n, 1n],
      nonfinite: [0n, 1n, 0n],
    });
    const line = lineOf(curve, CurveAxis.STEP);
    expect(line.y).toEqual([0.5, Number.NaN, 0.3]);
    expect(line.marks).toEqual([{ x: 2, value: Number.POSITIVE_INFINITY }]);
  });

  it("goes from the first point to the last through the means, and keeps the spikes", () => {
    const curve = create(CurveSchema, {
      firstX: [0n, 8n],
      lastX: [7n, 15n],
      first: [1, 4],
      last: [2, 6],
      min: [0, 3],
      max: [9, 8],
      sum: [16, 40],
      count: [8n, 8n],
      nonfinite: [0n, 0n],
    });
    const line = lineOf(curve, CurveAxis.STEP);
    expect(line.x).toEqual([0, 3.5, 11.5, 15]);
    expect(line.y).toEqual([1, 2, 5, 6]);
    expect(Math.max(...line.high)).toBe(9);
  });

  it("takes a point that is told twice once", () => {
    const line = emptyLine("r", "loss");
    append(line, [1, 2], [0.5, 0.4]);
    append(line, [2, 3], [0.4, 0.3]);
    expect(line.x).toEqual([1, 2, 3]);
  });

  it("finds the nearest point", () => {
    expect(nearest([0, 10, 20], 14)).toBe(1);
    expect(nearest([0, 10, 20], 16)).toBe(2);
    expect(nearest([], 1)).toBe(-1);
  });
});

describe("smoothing", () => {
  const line = (y: number[], weight: number[]) => ({ ...emptyLine("r", "k"), x: y, y, weight });

  it("begins at the first value, without bias", () => {
    const [first, second] = smooth(line([10, 20], [1, 1]), 0.9);
    expect(first).toBeCloseTo(10);
    expect(second).toBeCloseTo((10 * 0.1 * 0.9 + 20 * 0.1) / (1 - 0.81));
  });

  it("takes a bucket for as many points as it has", () => {
    const single = smooth(line([1, 5, 5, 5], [1, 1, 1, 1]), 0.8).at(-1);
    const bucket = smooth(line([1, 5], [1, 3]), 0.8).at(-1);
    expect(bucket).toBeCloseTo(single ?? 0);
  });

  it("passes over what is not a number", () => {
    expect(smooth(line([1, Number.NaN, 1], [1, 1, 1]), 0.5)).toEqual([1, Number.NaN, 1]);
  });
});

describe("panels", () => {
  it.each([
    ["train/loss", "loss", "train"],
    ["val_loss", "loss", "val"],
    ["loss/validation", "loss", "val"],
    ["epoch.test.acc", "epoch.acc", "test"],
    ["loss", "loss", ""],
    ["val", "val", ""],
    ["evaluation_time", "evaluation_time", ""],
  ])("%s is %s of %s", (key, base, split) => {
    expect(splitOf(key)).toEqual({ base, split });
  });

  it("puts training and validation on the same axes, and the machine last", () => {
    const panels = panelsOf(["system/cpu", "val/loss", "train/loss", "acc"]);
    expect(panels.map(({ name, keys }) => [name, keys.length])).toEqual([
      ["acc", 1],
      ["loss", 2],
      ["system/cpu", 1],
    ]);
  });
});

describe("combined panels", () => {
  const keys = ["layer0/grad", "layer1/grad", "layer0/norm", "loss"];
  const names = (pattern: string) =>
    panelsOf(keys, combineBy(pattern)).map(({ name, keys: own }) => [name, own.length]);

  it("have the metrics of which a pattern catches the same", () => {
    expect(names("layer\\d+/(.*)")).toEqual([
      ["grad", 2],
      ["loss", 1],
      ["norm", 1],
    ]);
    expect(names("layer\\d+")).toEqual([
      ["loss", 1],
      ["*/grad", 2],
      ["*/norm", 1],
    ]);
  });

  it("are as they were while a pattern is none", () => {
    expect(names("(")).toHaveLength(4);
  });

  it("have strokes that differ", () => {
    const [panel] = panelsOf(keys, combineBy("layer\\d+/(grad)"));
    expect(new Set([...(panel ? dashesOf(panel).values() : [])].map(String)).size).toBe(2);
  });
});

describe("series", () => {
  const runs = (many: number) => Array.from({ length: many }, (_, at) => `01a2${at}`);

  it("of ten runs are ten hues, without a dot", () => {
    const all = [...assignSeries(runs(10), new Map()).values()].map(seriesOf);
    expect(new Set(all.map(({ hue }) => hue)).size).toBe(10);
    expect(all.every(({ dots }) => dots === 0)).toBe(true);
  });

  it("of fifty runs are fifty", () => {
    expect(new Set(assignSeries(runs(50), new Map()).values()).size).toBe(50);
  });

  it("stay when others come and go", () => {
    const before = assignSeries(runs(20).slice(13), new Map());
    const after = assignSeries(runs(20), before);
    for (const id of runs(20).slice(13)) expect(after.get(id)).toBe(before.get(id));
  });

  it("that met in no filter before keep their hue, and one of them gets a dot", () => {
    const both = assignSeries(
      ["a", "b"],
      new Map([
        ["a", 3],
        ["b", 3],
      ]),
    );
    expect([...both.values()].map(seriesOf)).toEqual([
      { hue: 3, dots: 0 },
      { hue: 3, dots: 1 },
    ]);
  });

  it.each([
    ["splits", [OF_SPLITS.train, OF_SPLITS.val, OF_SPLITS.test]],
    ["metrics on the same axes", OF_KEYS],
  ])("have strokes of their own, of all %s", (_, dashes) => {
    const strokes = dashes.flatMap((dash) => [0, 1, 2, 3, 4].map((dots) => dotted(dash, dots)));
    expect(new Set(strokes.map(String)).size).toBe(strokes.length);
    for (const stroke of strokes) {
      const [drawn, gaps] = [0, 1].map((odd) =>
        stroke.filter((_, at) => at % 2 === odd).reduce((sum, length) => sum + length, 0),
      );
      // Less than a quarter drawn would be too faint to have the contrast of its hue.
      expect((drawn ?? 0) / ((drawn ?? 0) + (gaps ?? 0) || 1), String(stroke)).toBeGreaterThanOrEqual(
        stroke.length ? 0.25 : 0,
      );
    }
  });
});

describe("ticks", () => {
  it("are round", () => {
    expect(ticksOf([0.4703, 0.9862], false)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9]);
    expect(ticksOf([0, 399], false)).toEqual([0, 100, 200, 300]);
    expect(ticksOf([-3, 3], false)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  });

  it("of a logarithmic axis are powers of ten, where it has some", () => {
    expect(ticksOf([0.002, 40], true)).toEqual([0.01, 0.1, 1, 10]);
    expect(ticksOf([2, 8], true)).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  it("of a single value are that", () => {
    expect(ticksOf([3, 3], false)).toEqual([3]);
  });
});

describe("what is saved", () => {
  it("has quoted fields, and no formula", () => {
    expect(csv([["a,b", 'say "x"', "=1+1", 0.5, undefined, -3]])).toBe(`"a,b","say ""x""",'=1+1,0.5,,-3\r\n`);
  });

  it("has lengths and colours that every program knows", () => {
    expect(plain("3.5px")).toBe("3.5");
    expect(plain("4px, 3px")).toBe("4, 3");
    expect(plain("rgba(0, 0, 0, 0)")).toBe("none");
    expect(plain("rgb(1, 2, 3)")).toBe("rgb(1, 2, 3)");
  });
});

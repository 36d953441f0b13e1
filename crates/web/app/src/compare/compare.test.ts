import { describe, expect, it } from "vitest";
import type { Value } from "../table/columns";
import { etaSquared, importanceOf, spearman } from "./importance";
import { scaleOf } from "./scale";

describe("scales", () => {
  it("tells numbers that span several orders of magnitude apart by these", () => {
    const scale = scaleOf(["0.001", "0.01", "0.1"]);
    expect(scale.kind).toBe("log");
    expect(scale.place("0.01")).toBeCloseTo(0.5);
    expect(scaleOf(["1", "2", "3"]).kind).toBe("linear");
    expect(scaleOf([-1, 100]).kind).toBe("linear");
  });

  it("takes what is no number for categories, in the order people read them in", () => {
    const scale = scaleOf(["v10", "v2", undefined, "v10"]);
    expect(scale.kind).toBe("category");
    expect(scale.ticks.map(({ text }) => text)).toEqual(["v2", "v10"]);
    expect(scale.place(undefined)).toBeUndefined();
  });

  it("has a place for the only value, and none for NaN", () => {
    expect(scaleOf([3, 3]).place(3)).toBe(0.5);
    expect(scaleOf([1, Number.NaN, 2]).place(Number.NaN)).toBeUndefined();
  });
});

describe("importance", () => {
  /** Runs whose loss follows `lr` by order of magnitude and `optimizer`, and not `seed`. */
  const sweep = (runs: number) => {
    const cells = new Map<string, Map<string, Value>>();
    const put = (field: string, run: string, value: Value) => {
      cells.set(field, (cells.get(field) ?? new Map()).set(run, value));
    };
    for (let run = 0; run < runs; run++) {
      const lr = 10 ** -(1 + (run % 4));
      const optimizer = Math.floor(run / 4) % 2 ? "adam" : "sgd";
      put("params.lr", `${run}`, `${lr}`);
      put("params.optimizer", `${run}`, optimizer);
      put("params.seed", `${run}`, `${(run * 7919) % 13}`);
      put("params.same", `${run}`, "1");
      put("metrics.loss", `${run}`, -Math.log10(lr) + (optimizer === "adam" ? 1 : 0));
    }
    return (field: string) => cells.get(field);
  };
  const params = ["params.lr", "params.optimizer", "params.seed", "params.same"];

  it("puts what matters before what does not", () => {
    const found = importanceOf(params, sweep(64), "metrics.loss");
    expect(found?.weights.map(({ field }) => field)).toEqual([
      "params.lr",
      "params.optimizer",
      "params.seed",
    ]);
    expect(found?.weights[0]?.correlation).toBeLessThan(-0.7);
    expect(found?.weights[2]?.importance).toBeLessThan(0.05);
    expect(found?.explained).toBeGreaterThan(0.7);
  });

  it("is the same each time", () => {
    expect(importanceOf(params, sweep(40), "metrics.loss")).toEqual(
      importanceOf(params, sweep(40), "metrics.loss"),
    );
  });

  it("says nothing of a few runs", () => {
    expect(importanceOf(params, sweep(7), "metrics.loss")).toBeUndefined();
  });

  it("knows ranks and groups", () => {
    expect(spearman([1, 2, 3, Number.NaN], [10, 100, 1000, 0])).toBeCloseTo(1);
    expect(spearman([1, 1, 2, 2], [4, 3, 2, 1])).toBeCloseTo(-0.894, 3);
    expect(spearman([1, 1], [1, 2])).toBeUndefined();
    expect(etaSquared([0, 0, 1, 1], [1, 1, 3, 3])).toBeCloseTo(1);
    expect(etaSquared([0, 1, 0, 1], [1, 1, 3, 3])).toBeCloseTo(0);
  });
});

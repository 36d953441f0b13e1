import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor, cellOf, columnOf, defaultColumns, fieldOf, keyOf } from "./columns";

const run = create(RunSchema, {
  params: { lr: "0.1", "odd key": "x" },
  metrics: [{ key: "val/loss", latest: 0.5, min: 0.25, max: 2 }],
});

it("writes keys as the grammar of filters does, and reads them back", () => {
  expect(fieldOf("params", "lr")).toBe("params.lr");
  for (const key of ["odd key", 'with "quotes"', "a.b/c-d_e"]) {
    expect(keyOf(fieldOf("params", key))).toEqual({ kind: "param", key });
  }
});

it("reads cells, extremes of metrics too", () => {
  const cell = (field: string) => cellOf(run, columnOf(field), 0);
  expect(cell("params.lr")).toBe("0.1");
  expect(cell(fieldOf("params", "odd key"))).toBe("x");
  expect(cell("metrics.val/loss")).toBe(0.5);
  expect(cell("metrics.val/loss.min")).toBe(0.25);
  expect(cell("metrics.none")).toBeUndefined();
});

it("knows a metric at a step", () => {
  expect(columnOf("metrics.loss@1000")).toMatchObject({ label: "loss@1000", step: 1000n });
  expect(columnOf('metrics."odd key"@-5')).toMatchObject({ label: "odd key@-5", step: -5n });
  expect(columnOf("metrics.loss").step).toBeUndefined();
  expect(columnOf(fieldOf("metrics", "at@5")).step).toBeUndefined();
  expect(askedFor(["metrics.loss@1000", "metrics.loss"])).not.toContain("metrics.loss@1000");
});

it("shows first what was measured on other data than that of training, and params that differ", () => {
  const fields = { metrics: ["accuracy", "train_loss", "val_loss"], params: ["a", "b", "lr"], tags: [] };
  const columns = defaultColumns(fields, (field) => field === "params.lr");
  expect(columns[0]).toBe("metrics.val_loss");
  expect(columns[3]).toBe("params.lr");
});

import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { cellOf, columnOf, defaultColumns, fieldOf, fieldsOf, keyOf } from "./columns";

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

it("shows first what was measured on other data than that of training", () => {
  const one = create(RunSchema, { metrics: ["accuracy", "train_loss", "val_loss"].map((key) => ({ key })) });
  expect(defaultColumns(fieldsOf([one]), [one])[0]).toBe("metrics.val_loss");
});

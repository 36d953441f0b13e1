import assert from "node:assert/strict";
import { test } from "node:test";

import { Gathering } from "./gathering.js";

test("columns go one after another, and regular steps fold", () => {
  const gathering = new Gathering();
  for (const step of [0n, 2n, 4n]) gathering.add(step, 7n, { b: Number(step), a: -Number(step) });
  const [table] = gathering.take(5n).tables;
  assert.deepEqual(table?.values, [0, 2, 4, -0, -2, -4]);
  assert.deepEqual(table?.stepDeltas, [2n]);
});

test("irregular steps stay, and numbers last from batch to batch", () => {
  const gathering = new Gathering();
  for (const step of [0n, 1n, 5n]) gathering.add(step, 0n, { loss: 1 });
  const first = gathering.take(1n);
  assert.deepEqual(first.tables[0]?.stepDeltas, [1n, 4n]);
  gathering.add(6n, 0n, { accuracy: 1 });
  gathering.add(6n, 0n, { loss: 1 });
  const second = gathering.take(2n);
  assert.deepEqual(second.tables.map((table) => table.keys), [[1], [0]]);
  assert.deepEqual(second.keys, { 0: "loss", 1: "accuracy" });
});

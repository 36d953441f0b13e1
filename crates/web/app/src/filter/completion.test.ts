import { expect, it } from "vitest";
import { complete } from "./completion";

const fields = { metrics: ["loss", "val_loss"], params: ["lr", "odd key"], tags: ["team"] };
const at = (text: string) => complete(text, text.length, fields);

it("begins with the fields there are", () => {
  expect(at("").choices).toContain("metrics.val_loss");
  expect(at("par").choices).toEqual(["params.lr", 'params."odd key"', "attributes.parent_run_id"]);
  expect(at("metrics.loss > 1 and ").choices).toContain("tags.team");
});

it("finds a field by a part of its name", () => {
  expect(at("val").choices).toEqual(["metrics.val_loss"]);
});

it("goes on with an operator, a value, a conjunction", () => {
  expect(at("metrics.loss ").choices).toContain(">=");
  expect(at("attributes.status = ").choices).toContain("'running'");
  expect(at("metrics.loss > 0.5 ").choices).toEqual(["AND", "OR"]);
  expect(at("metrics.loss > 0.5 a").choices).toEqual(["AND"]);
});

it("replaces the whole word that the caret is in", () => {
  const found = complete("params.xx = 1", 7, fields);
  expect([found.from, found.to]).toEqual([0, 9]);
});

it("completes what is filtered by attributes without a group", () => {
  const models = { metrics: [], params: [], tags: ["team"], attributes: ["name", "owner"] };
  expect(complete("", 0, models).choices).toEqual(["name", "owner", "tags.team"]);
  expect(complete("owner ", 6, models).choices).toContain("=");
  expect(complete("owner = 'a' ", 12, models).choices).toEqual(["AND", "OR"]);
});

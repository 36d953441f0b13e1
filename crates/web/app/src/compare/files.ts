import { ink } from "../charts/colours";
import type { Field, Picture } from "../charts/export";
import { page, text } from "../charts/picture";
import { middle } from "../format/names";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { columnOf, type Value } from "../table/columns";
import type { Fact } from "./facts";
import type { Weight } from "./importance";

type CellsOf = (field: string) => ReadonlyMap<string, Value> | undefined;

/** Some fields of runs, a row a run. */
export function rowsOfRuns(runs: readonly Run[], fields: readonly string[], cellsOf: CellsOf): Field[][] {
  return [
    ["run", "name", ...fields],
    ...runs.map(({ id, name }) => [id, name, ...fields.map((field) => cellsOf(field)?.get(id))]),
  ];
}

/** What runs have, a row a field, as the table of differences stands. */
export function rowsOfFields(
  runs: readonly Run[],
  fields: readonly string[],
  facts: readonly Fact[],
  cellsOf: CellsOf,
): Field[][] {
  return [
    ["field", ...runs.map(({ name }) => name)],
    ["attributes.run_id", ...runs.map(({ id }) => id)],
    ...fields.map((field) => [field, ...runs.map(({ id }) => cellsOf(field)?.get(id))]),
    ...facts.map(({ section, label, values }) => [`${section}: ${label}`, ...values]),
  ];
}

export function rowsOfWeights(weights: readonly Weight[]): Field[][] {
  return [
    ["param", "importance", "spearman", "eta_squared", "runs"],
    ...weights.map(({ field, importance, correlation, between, runs }) => [
      field,
      importance,
      correlation,
      between,
      runs,
    ]),
  ];
}

const [NAMES, BARS, ROW, EDGE] = [240, 400, 24, 16];

/** What params are worth, a bar each. */
export function pictureOfWeights(title: string, weights: readonly Weight[]): Picture {
  const body = weights.flatMap(({ field, importance }, at) => {
    const y = at * ROW;
    const end = NAMES + importance * BARS;
    return [
      text(NAMES - 8, y + 16, middle(columnOf(field).label, 36), { anchor: "end" }),
      `<rect x="${NAMES}" y="${y + 6}" width="${Math.max(1, end - NAMES)}" height="12" fill="${ink("accent")}"/>`,
      text(end + 8, y + 16, `${Math.round(importance * 100)}%`),
    ];
  });
  return page(title, { width: NAMES + BARS + 4 * EDGE, height: weights.length * ROW + EDGE }, body);
}

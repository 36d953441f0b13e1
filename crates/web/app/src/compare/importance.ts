import type { Value } from "../table/columns";
import { type Feature, forestOf } from "./forest";
import { numberOf } from "./scale";

/** What is known of how a param goes with a metric, from the runs that have the metric. */
export interface Weight {
  field: string;
  /** Runs that have the param. */
  runs: number;
  /** Spearman's rank correlation, of numbers: from -1 to 1. */
  correlation: number | undefined;
  /** The part of the variance that lies between the groups of a category (eta squared): from 0 to 1. */
  between: number | undefined;
  /** Its part in what the forest knows. */
  importance: number;
}

export interface Importance {
  weights: Weight[];
  /** Runs that have the metric. */
  runs: number;
  /** As `Forest.explained`. */
  explained: number;
}

/** Of fewer runs nothing can be told. */
export const LEAST = 8;
/** A category for each run says nothing of a run that is not there. */
const CATEGORIES = 20;

/** How params go with a metric, the most important first; undefined for too few runs. */
export function importanceOf(
  fields: readonly string[],
  cellsOf: (field: string) => ReadonlyMap<string, Value> | undefined,
  metric: string,
): Importance | undefined {
  const measured = [...(cellsOf(metric) ?? [])].flatMap(([run, value]) =>
    typeof value === "number" && Number.isFinite(value) ? [{ run, value }] : [],
  );
  if (measured.length < LEAST) return undefined;
  const target = measured.map(({ value }) => value);
  const read = fields.flatMap((field) => {
    const cells = cellsOf(field);
    const values = measured.map(({ run }) => cells?.get(run));
    const feature = featureOf(values);
    return feature ? [{ field, values, feature }] : [];
  });
  const forest = forestOf(
    read.map(({ feature }) => feature),
    target,
  );
  const weights = read.map(({ field, values, feature }, at) => ({
    field,
    runs: values.filter((value) => value !== undefined).length,
    correlation: feature.isCategory ? undefined : spearman(feature.values, target),
    between: feature.isCategory ? etaSquared(feature.values, target) : undefined,
    importance: forest.importance[at] ?? 0,
  }));
  weights.sort((a, b) => b.importance - a.importance);
  return { weights, runs: target.length, explained: forest.explained };
}

/** Values as numbers, or as numbers of categories; undefined where they do not differ, or all do. */
function featureOf(values: readonly Value[]): Feature | undefined {
  const present = values.filter((value) => value !== undefined);
  const distinct = [...new Set(present.map(String))];
  if (distinct.length + (present.length < values.length ? 1 : 0) < 2) return undefined;
  const numbers = values.map(numberOf);
  const isNumber = values.every((value, at) => value === undefined || numbers[at] !== undefined);
  if (isNumber) return { values: numbers.map((number) => number ?? Number.NaN), isCategory: false };
  if (distinct.length > Math.min(CATEGORIES, values.length / 2)) return undefined;
  const places = new Map(distinct.map((name, at) => [name, at]));
  const codes = values.map((value) => (value === undefined ? Number.NaN : (places.get(String(value)) ?? 0)));
  return { values: codes, isCategory: true };
}

/** Spearman's rank correlation of the pairs without NaN; ranks of equal values are their mean. */
export function spearman(xs: readonly number[], ys: readonly number[]): number | undefined {
  const pairs = xs.flatMap((x, at) => (Number.isNaN(x) ? [] : [[x, ys[at] ?? Number.NaN] as const]));
  const a = ranks(pairs.map(([x]) => x));
  const b = ranks(pairs.map(([, y]) => y));
  const mean = (pairs.length + 1) / 2;
  let [both, first, second] = [0, 0, 0];
  for (const [at, rank] of a.entries()) {
    const [x, y] = [rank - mean, (b[at] ?? 0) - mean];
    both += x * y;
    first += x * x;
    second += y * y;
  }
  return first > 0 && second > 0 ? both / Math.sqrt(first * second) : undefined;
}

function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const found = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1] ?? 0] === values[order[from] ?? 0]) to++;
    for (let at = from; at <= to; at++) found[order[at] ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return found;
}

/** The part of the variance of `ys` that lies between the groups of `codes`; what has no code is a group. */
export function etaSquared(codes: readonly number[], ys: readonly number[]): number | undefined {
  const groups = new Map<number, number[]>();
  for (const [at, code] of codes.entries()) {
    const group = groups.get(code) ?? [];
    group.push(ys[at] ?? 0);
    groups.set(code, group);
  }
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const all = mean(ys);
  const whole = ys.reduce((sum, one) => sum + (one - all) ** 2, 0);
  if (whole === 0) return undefined;
  const between = [...groups.values()].reduce(
    (sum, group) => sum + group.length * (mean(group) - all) ** 2,
    0,
  );
  return between / whole;
}

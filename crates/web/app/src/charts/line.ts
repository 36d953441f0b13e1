import type { Band, Curve } from "../generated/herdbook/tracking/v1/metric_pb";
import { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";

/** What a chart draws for one run, or one group of runs, and one metric: columns of equal length along x. */
export interface Line {
  /** The run, or the name of the group. */
  id: string;
  key: string;
  /** Steps, seconds since the run's first point, or seconds since 1970. */
  x: number[];
  /** NaN where there is no finite value: the line has a gap there. */
  y: number[];
  /** What the envelope spans: the extremes of the points behind `y`, or a deviation about a mean. */
  low: number[];
  high: number[];
  /** How many points stand behind each. */
  weight: number[];
  /** Where values were not finite, and which they were, as far as that is known. */
  marks: Mark[];
}

export interface Mark {
  x: number;
  value: number;
}

/** The units of an axis in those of the server. */
export function axisUnit(axis: CurveAxis): number {
  return axis === CurveAxis.STEP ? 1 : 1e6;
}

/**
 * A curve as a line through the means of its buckets, with its first and its last point as they are. In buckets
 * of one point, which is all there are when one looks closely enough, that is the point.
 */
export function lineOf(curve: Curve, axis: CurveAxis): Line {
  const unit = axisUnit(axis);
  const line = emptyLine(curve.runId, curve.key);
  const end = curve.count.length - 1;
  for (let at = 0; at <= end; at++) {
    const first = Number(curve.firstX[at]) / unit;
    const last = Number(curve.lastX[at]) / unit;
    const count = Number(curve.count[at]);
    const bad = Number(curve.nonfinite[at]);
    const low = curve.min[at] ?? Number.NaN;
    const high = curve.max[at] ?? Number.NaN;
    const mean = count > bad ? (curve.sum[at] ?? 0) / (count - bad) : Number.NaN;
    if (count === 1) {
      put(line, first, finite(curve.first[at]), low, high, 1);
    } else {
      if (at === 0 && first < last) put(line, first, finite(curve.first[at]), low, high, 0);
      put(line, at === 0 || at === end ? (first + last) / 2 : middle(first, last), mean, low, high, count);
      if (at === end && first < last) put(line, last, finite(curve.last[at]), low, high, 0);
    }
    if (bad > 0) {
      const known = [curve.first[at], curve.last[at]].find((value) => !Number.isFinite(value));
      line.marks.push({ x: middle(first, last), value: known ?? Number.NaN });
    }
  }
  return line;
}

/** What a band spans: a standard deviation on each side of the mean, or all values of all runs. */
export type Spread = "deviation" | "range";

/** A band as a line through its means. */
export function lineOfBand(band: Band, axis: CurveAxis, spread: Spread): Line {
  const unit = axisUnit(axis);
  const line = emptyLine(band.group, band.key);
  for (let at = 0; at < band.mean.length; at++) {
    const x = middle(Number(band.firstX[at]) / unit, Number(band.lastX[at]) / unit);
    const mean = band.mean[at] ?? Number.NaN;
    const deviation = band.deviation[at] ?? 0;
    const low = spread === "range" ? (band.min[at] ?? Number.NaN) : mean - deviation;
    const high = spread === "range" ? (band.max[at] ?? Number.NaN) : mean + deviation;
    put(line, x, mean, low, high, band.runs[at] ?? 0);
  }
  return line;
}

/** Adds points that came after the line was read; those it has already are passed over. */
export function append(line: Line, xs: readonly number[], values: readonly number[]): void {
  for (const [at, x] of xs.entries()) {
    const last = line.x.at(-1);
    if (last !== undefined && x <= last) continue;
    const value = values[at] ?? Number.NaN;
    put(line, x, finite(value), value, value, 1);
    if (!Number.isFinite(value)) line.marks.push({ x, value });
  }
}

export function emptyLine(id: string, key: string): Line {
  return { id, key, x: [], y: [], low: [], high: [], weight: [], marks: [] };
}

function put(line: Line, x: number, y: number, low: number, high: number, weight: number): void {
  line.x.push(x);
  line.y.push(y);
  line.low.push(finite(low));
  line.high.push(finite(high));
  line.weight.push(weight);
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : Number.NaN;
}

function middle(first: number, last: number): number {
  return (first + last) / 2;
}

/** The index of the point nearest to `x`; -1 in an empty line. */
export function nearest(xs: readonly number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0) return -1;
  while (low < high) {
    const half = (low + high) >> 1;
    if ((xs[half] ?? 0) < x) low = half + 1;
    else high = half;
  }
  const before = low - 1;
  return before >= 0 && x - (xs[before] ?? 0) < (xs[low] ?? 0) - x ? before : low;
}

import type { Stroke } from "./draw";

export interface Extent {
  x: [number, number];
  y: [number, number];
  /** Points that are not within: beyond the outliers' bounds, or without a logarithm. */
  hidden: number;
}

export interface Look {
  range: readonly [number, number] | undefined;
  logX: boolean;
  logY: boolean;
  /** Leaves out what lies far from the rest, and counts it. */
  withoutOutliers: boolean;
}

/** What the axes of a chart span. */
export function extentOf(strokes: readonly Stroke[], look: Look): Extent {
  const positive = (value: number, log: boolean) => Number.isFinite(value) && (!log || value > 0);
  let x: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  if (look.range) x = [...look.range];
  else {
    for (const { line } of strokes) {
      for (const value of [line.x[0], line.x.at(-1), line.marks[0]?.x, line.marks.at(-1)?.x]) {
        if (value !== undefined && positive(value, false)) x = [Math.min(x[0], value), Math.max(x[1], value)];
      }
    }
  }
  const all: number[] = [];
  let hidden = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { line } of strokes) {
    for (let at = 0; at < line.x.length; at++) {
      const where = line.x[at] ?? 0;
      if (where < x[0] || where > x[1]) continue;
      if (look.withoutOutliers && Number.isFinite(line.y[at])) all.push(line.y[at] ?? 0);
      for (const value of [line.low[at], line.high[at], line.y[at]]) {
        if (value === undefined || !Number.isFinite(value)) continue;
        if (look.logY && value <= 0) hidden += value === line.y[at] ? 1 : 0;
        else {
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
    }
  }
  if (look.withoutOutliers && all.length > 20) {
    all.sort((a, b) => a - b);
    const at = (part: number) => all[Math.round(part * (all.length - 1))] ?? 0;
    const spread = at(0.95) - at(0.05);
    const bounds = [at(0.05) - spread * 0.5, at(0.95) + spread * 0.5] as const;
    hidden += all.filter((value) => value < bounds[0] || value > bounds[1]).length;
    low = Math.max(low, bounds[0]);
    high = Math.min(high, bounds[1]);
  }
  if (!(x[0] <= x[1])) x = [0, 1];
  if (x[0] === x[1]) x = [x[0] - 0.5, x[1] + 0.5];
  if (look.logX) x = [Math.max(x[0], 1), Math.max(x[1], 10)];
  return { x, y: padded(low, high, look.logY), hidden };
}

function padded(low: number, high: number, log: boolean): [number, number] {
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1];
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.05;
  return [low - room, high + room];
}

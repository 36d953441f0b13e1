import { STROKES } from "./colours";
import type { Panel, Split } from "./panels";

/** Strokes by split: what one trains on is solid. */
export const OF_SPLITS: Record<Split, number[]> = { "": [], train: [], val: [6, 3], test: [2, 2] };

/** Strokes of metrics of one split, one after another. */
export const OF_KEYS = [[], [6, 3], [2, 2], [12, 4], [9, 6], [4, 6]];

/** What stands for a line without gaps where dots follow. */
const LONG = 14;
const [DOT, GAP, PAUSE] = [2, 3, 5];

/** Strokes of the keys of a panel: by split, or, where several have the same, one after another. */
export function dashesOf(panel: Panel): Map<string, number[]> {
  const [only, ...others] = panel.keys;
  if (only && others.length === 0) return new Map([[only.key, []]]);
  const splits = new Set(panel.keys.map(({ split }) => split));
  const bySplit = splits.size === panel.keys.length;
  return new Map(
    panel.keys.map(({ key, split }, at) => [
      key,
      bySplit ? OF_SPLITS[split] : (OF_KEYS[at % OF_KEYS.length] ?? []),
    ]),
  );
}

/** The stroke of a metric for a series: its dashes keep their length, and so many dots follow each. */
export function dotted(dash: readonly number[], dots: number): number[] {
  if (dots === 0) return [...dash];
  const [length = LONG, gap = GAP] = dash;
  const one = Array.from({ length: Math.min(dots, STROKES - 1) }, (_, at) => [at ? GAP : gap, DOT]);
  return [length, ...one.flat(), PAUSE + gap - GAP];
}

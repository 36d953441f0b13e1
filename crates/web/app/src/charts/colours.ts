import { readPersonal, writePersonal } from "../state/personal";
import { onThemeChange } from "../state/theme";

export const HUES = 10;

/** Strokes of one hue: solid, then dashes that one dot more follows each time. */
export const STROKES = 5;

/** Series that are remembered of an experiment. */
const REMEMBERED = 500;

/** How the lines of a run or a group are drawn. */
export interface Series {
  hue: number;
  /** Dots that follow each dash of its lines; with 0 they are as the metric has them. */
  dots: number;
}

/**
 * The series of what is shown together, by number: ten hues, then the same with dots. Each has the hue of its id, but for
 * those of which an older one has it already: they take the next that is free, and keep it, so that no hue moves when
 * a filter changes.
 */
export function assignSeries(ids: readonly string[], kept: ReadonlyMap<string, number>): Map<string, number> {
  const series = new Map(kept);
  const taken = new Set<number>();
  // Ids of runs are in the order of time.
  const ordered = [...ids].sort();
  const take = (id: string, wanted: number, hues: number) => {
    const free = alike(wanted, hues).find((number) => !taken.has(number)) ?? wanted;
    taken.add(free);
    series.set(id, free);
  };
  for (const id of ordered) {
    const own = kept.get(id);
    if (own !== undefined) take(id, own, 1);
  }
  for (const id of ordered) if (!kept.has(id)) take(id, hueOf(id), HUES);
  return series;
}

/** Series by how near they are to one: itself, other hues with the same stroke, then the next strokes. */
function alike(wanted: number, hues: number): number[] {
  const own = seriesOf(wanted);
  return Array.from({ length: STROKES * hues }, (_, at) => {
    const dots = (own.dots + Math.floor(at / hues)) % STROKES;
    return dots * HUES + ((own.hue + (at % hues)) % HUES);
  });
}

export function seriesOf(number: number): Series {
  return { hue: number % HUES, dots: Math.floor(number / HUES) % STROKES };
}

export function rememberedSeries(experiment: bigint): Map<string, number> {
  return new Map(readPersonal<[string, number][]>(`hues.${experiment}`, []));
}

export function rememberSeries(experiment: bigint, series: ReadonlyMap<string, number>): void {
  writePersonal(`hues.${experiment}`, [...series].slice(-REMEMBERED));
}

/** The hue of a run by itself. */
export function hueOf(id: string): number {
  // FNV-1a; ids of runs that follow each other differ at the end.
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) {
    hash ^= id.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  return (hash >>> 0) % HUES;
}

/** How a run is drawn where it is alone. */
export function seriesOfOne(id: string): Series {
  return seriesOf(hueOf(id));
}

/** The token of a hue. */
export function tokenOf({ hue }: Series): string {
  return `series-${hue}`;
}

/** The colour of a series in a style of the page. */
export function paintOf(series: Series): string {
  return `var(--${tokenOf(series)})`;
}

const resolved = new Map<string, string>();
onThemeChange(() => resolved.clear());

/** The colour of a token as a canvas takes it. */
export function ink(token: string): string {
  const known = resolved.get(token);
  if (known) return known;
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  resolved.set(token, colour);
  return colour;
}

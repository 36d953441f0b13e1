import { readPersonal, writePersonal } from "../state/personal";
import { onThemeChange } from "../state/theme";

export const HUES = 10;

/** Hues that are remembered of an experiment. */
const REMEMBERED = 500;

/**
 * The hues of what is shown together. Each has that of its id, but for those of which an older one has it
 * already: they take the next that is free, and keep it, so that no hue moves when a filter changes.
 */
export function assignHues(ids: readonly string[], kept: ReadonlyMap<string, number>): Map<string, number> {
  const hues = new Map(kept);
  const taken = new Set(ids.flatMap((id) => kept.get(id) ?? []));
  // Ids of runs are in the order of time.
  for (const id of [...ids].sort()) {
    if (hues.has(id)) continue;
    let hue = hueOf(id);
    if (taken.size < HUES) while (taken.has(hue)) hue = (hue + 1) % HUES;
    taken.add(hue);
    hues.set(id, hue);
  }
  return hues;
}

export function rememberedHues(experiment: bigint): Map<string, number> {
  return new Map(readPersonal<[string, number][]>(`hues.${experiment}`, []));
}

export function rememberHues(experiment: bigint, hues: ReadonlyMap<string, number>): void {
  writePersonal(`hues.${experiment}`, [...hues].slice(-REMEMBERED));
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

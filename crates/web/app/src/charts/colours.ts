import { onThemeChange } from "../state/theme";

export const HUES = 10;

/** The hue of a run: by its id, so that it is the same in every table and chart, whatever else is shown. */
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

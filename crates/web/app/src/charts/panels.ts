/** What of the data a metric was measured on, told by its name; drawn in strokes of their own. */
export type Split = "" | "train" | "val" | "test";

export interface PanelKey {
  key: string;
  split: Split;
}

/** One chart: metrics that belong on the same axes. */
export interface Panel {
  /** The name that its metrics share. */
  name: string;
  /** The folder of the name. */
  section: string;
  keys: PanelKey[];
}

const WORDS: Record<string, Split> = {
  train: "train",
  training: "train",
  trn: "train",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  eval: "val",
  test: "test",
};

/** The name of a metric without the word that tells the split: `train/loss`, `val_loss` and `loss` are one. */
export function splitOf(key: string): { base: string; split: Split } {
  const parts = key.split(/([/_.])/);
  for (let at = 0; at < parts.length; at += 2) {
    const split = WORDS[(parts[at] ?? "").toLowerCase()];
    if (!split || parts.length === 1) continue;
    // The word goes with the separator behind it, or with the one before it at the end.
    const rest = [...parts];
    if (at + 1 < parts.length) rest.splice(at, 2);
    else rest.splice(at - 1, 2);
    return { base: rest.join(""), split };
  }
  return { base: key, split: "" };
}

/** The folder of what is measured of the machine: seldom what one comes for. */
export const MACHINE = "system";

/**
 * Metrics as panels, in the order of their names, what the machine did last. Metrics for which `combined` has the same
 * text are on the same axes.
 */
export function panelsOf(
  keys: Iterable<string>,
  combined: (key: string) => string | undefined = () => undefined,
): Panel[] {
  const panels = new Map<string, Panel>();
  for (const key of [...new Set(keys)].sort()) {
    const { base: own, split } = splitOf(key);
    const base = combined(key) ?? own;
    const slash = base.lastIndexOf("/");
    const panel = panels.get(base) ?? {
      name: base,
      section: slash < 0 ? "" : base.slice(0, slash),
      keys: [],
    };
    panel.keys.push({ key, split });
    panels.set(base, panel);
  }
  const rank = (panel: Panel) => (panel.section.startsWith(MACHINE) ? 1 : 0);
  return [...panels.values()].sort(
    (a, b) => rank(a) - rank(b) || compare(a.section, b.section) || compare(a.name, b.name),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * How metrics are combined, by a regular expression on their names: what its groups catch is what they share, or, where
 * it has none, what it matches is left out of their names.
 */
export function combineBy(text: string): (key: string) => string | undefined {
  if (!text) return () => undefined;
  let expression: RegExp;
  try {
    expression = new RegExp(text);
  } catch {
    return () => undefined;
  }
  return (key) => {
    const found = expression.exec(key);
    if (!found) return undefined;
    const caught = found.slice(1).filter((part) => part !== undefined);
    return found.length > 1 ? caught.join(" ") : key.replace(expression, "*");
  };
}

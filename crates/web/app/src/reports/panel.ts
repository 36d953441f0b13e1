/**
 * What a fenced block of the language `herdbook` in a report says: lines of `key: value`, of which the first
 * names the kind. docs/reports.md is the page for those who write them.
 */
export type PanelSpec = ChartSpec | RunsSpec | VersionSpec;

/** Which runs of which experiment. */
interface Of {
  /** By name or by number. */
  experiment: string;
  filter: string;
  order: string;
  /** How many at most. */
  limit: number;
}

export interface ChartSpec extends Of {
  kind: "chart";
  metrics: string[];
  x: "step" | "relative" | "time";
  smooth: number;
  logX: boolean;
  logY: boolean;
}

export interface RunsSpec extends Of {
  kind: "runs";
  /** In the notation of filters, such as `params.lr`. */
  columns: string[];
}

export interface VersionSpec {
  kind: "version";
  /** Such as `fraud-detector@Production`. */
  reference: string;
}

/** Lines that a chart may have at most; a table has more. */
const MOST = { chart: 50, runs: 200 };
const USUAL = 10;

const KEYS = {
  chart: ["experiment", "filter", "order", "limit", "metrics", "x", "smooth", "log"],
  runs: ["experiment", "filter", "order", "limit", "columns"],
  version: ["version"],
} as const;

/** Reads a block; answers what is wrong with it, in words for who wrote it. */
export function readPanel(text: string): PanelSpec | { wrong: string } {
  const entries = new Map<string, string>();
  let kind: keyof typeof KEYS | undefined;
  for (const [number, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const found = /^\s*([a-z]+)\s*:\s*(.*?)\s*$/.exec(line);
    if (!found) return wrong(number, `“${line.trim()}” is no “key: value”`);
    const [, key = "", value = ""] = found;
    if (!kind) {
      if (key !== "panel" || !Object.hasOwn(KEYS, value))
        return wrong(number, "the first line must be “panel: chart”, “panel: runs” or “panel: version”");
      kind = value as keyof typeof KEYS;
      continue;
    }
    const keys: readonly string[] = KEYS[kind];
    if (!keys.includes(key))
      return wrong(number, `a panel of ${kind} has no “${key}”; it has ${keys.join(", ")}`);
    if (entries.has(key)) return wrong(number, `“${key}” is there twice`);
    entries.set(key, value);
  }
  if (!kind) return { wrong: "the block is empty: begin with “panel: chart”" };
  const get = (key: string) => entries.get(key) ?? "";
  if (kind === "version") {
    return get("version")
      ? { kind, reference: get("version") }
      : { wrong: "say which one, such as “version: fraud-detector@Production”" };
  }
  if (!get("experiment")) return { wrong: "say of which experiment, such as “experiment: fraud-detector”" };
  const limit = entries.has("limit") ? Number(get("limit")) : USUAL;
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST[kind])
    return { wrong: `“limit” must be a number from 1 to ${MOST[kind]}` };
  const of: Of = { experiment: get("experiment"), filter: get("filter"), order: get("order"), limit };
  if (kind === "runs") return { kind, ...of, columns: list(get("columns")) };
  const metrics = list(get("metrics"));
  if (metrics.length === 0) return { wrong: "say which metrics, such as “metrics: train/loss, val/loss”" };
  const x = get("x") || "step";
  if (x !== "step" && x !== "relative" && x !== "time")
    return { wrong: "“x” must be step, relative or time" };
  const smooth = Number(get("smooth") || 0);
  if (!(smooth >= 0 && smooth <= 0.999)) return { wrong: "“smooth” must be a number from 0 to 0.999" };
  const log = list(get("log"));
  if (log.some((axis) => axis !== "x" && axis !== "y")) return { wrong: "“log” must be x, y, or both" };
  return { kind, ...of, metrics, x, smooth, logX: log.includes("x"), logY: log.includes("y") };
}

function wrong(line: number, what: string): { wrong: string } {
  return { wrong: `line ${line + 1}: ${what}` };
}

/** What commas separate, but for those between quotes. */
function list(text: string): string[] {
  const found = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  return found.map((entry) => entry.trim()).filter(Boolean);
}

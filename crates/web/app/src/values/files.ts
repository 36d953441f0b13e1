import { ink } from "../charts/colours";
import type { Field, Picture } from "../charts/export";
import { page, text } from "../charts/picture";
import { middle } from "../format/names";
import { short } from "../format/numbers";
import type { Histogram, Value } from "../generated/herdbook/tracking/v1/value_pb";
import { cellText, tableOf, textOf } from "./content";

/** What a panel shows of a run. */
export interface ShownValues {
  runId: string;
  name: string;
  values: readonly Value[];
}

const [ACROSS, WIDTH, BARS, EDGE] = [2, 320, 120, 16];
const HEIGHT = BARS + 48;

/** The histograms of a panel, each with the name of its run; undefined where there is none. */
export function pictureOfHistograms(title: string, shown: readonly ShownValues[]): Picture | undefined {
  const all = shown.flatMap(({ name, values }) =>
    values.flatMap(({ kind }) => (kind.case === "histogram" ? [{ name, histogram: kind.value }] : [])),
  );
  if (all.length === 0) return undefined;
  const columns = Math.min(ACROSS, all.length);
  const body = all.map(({ name, histogram }, at) => {
    const [x, y] = [EDGE + (at % columns) * (WIDTH + EDGE), Math.floor(at / columns) * HEIGHT];
    return `<g transform="translate(${x} ${y})">${text(0, 12, middle(name, 48))}${barsOf(histogram)}</g>`;
  });
  const rows = Math.ceil(all.length / columns);
  return page(title, { width: EDGE + columns * (WIDTH + EDGE), height: rows * HEIGHT }, body);
}

function barsOf({ edges, counts }: Histogram): string {
  const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const most = Math.max(...counts, Number.MIN_VALUE);
  const at = (edge: number) => (high > low ? ((edge - low) / (high - low)) * WIDTH : 0);
  const foot = 20 + BARS;
  const bars = counts.map((own, bucket) => {
    const [from, to] = [at(edges[bucket] ?? 0), at(edges[bucket + 1] ?? 0)];
    const height = (own / most) * BARS;
    return `M${from} ${foot}v${-height}H${Math.max(to, from + 0.5)}V${foot}z`;
  });
  return [
    `<path d="${bars.join("")}" fill="${ink("accent")}"/>`,
    `<path d="M0 ${foot}h${WIDTH}" stroke="${ink("line-strong")}"/>`,
    text(0, foot + 14, short(low)),
    text(WIDTH / 2, foot + 14, `most ${short(most)}`, { anchor: "middle" }),
    text(WIDTH, foot + 14, short(high), { anchor: "end" }),
  ].join("");
}

/** Histograms, a row a bucket; tables, their rows; texts, a row each; undefined of what is no table. */
export async function rowsOfValues(shown: readonly ShownValues[]): Promise<Field[][] | undefined> {
  const rows: Field[][] = [];
  for (const { runId, name, values } of shown) {
    for (const value of values) {
      const place = [runId, name, value.step, value.index];
      const { kind } = value;
      if (kind.case === "histogram") {
        if (!rows.length) rows.push([...PLACE, "from", "to", "count"]);
        const { edges, counts } = kind.value;
        for (const [at, own] of counts.entries()) rows.push([...place, edges[at], edges[at + 1], own]);
      } else if (kind.case === "table") {
        const table = await tableOf(runId, value, kind.value);
        if (!rows.length) rows.push([...PLACE, ...table.columns]);
        for (const row of table.data) rows.push([...place, ...row.map(cellText)]);
      } else if (kind.case === "text") {
        if (!rows.length) rows.push([...PLACE, "text"]);
        rows.push([...place, await textOf(runId, value, kind.value)]);
      }
    }
  }
  return rows.length ? rows : undefined;
}

const PLACE = ["run", "name", "step", "index"];

import { layout as dagre, Graph } from "@dagrejs/dagre";
import { Lanes } from "./lanes";
import { rank } from "./rank";

/** What is laid out: shapes of one size, and lines between them by their places in `boxes`. */
export interface Unplaced {
  boxes: number;
  lines: [source: number, target: number][];
  /** Lines that say nothing of what comes first, as they lead back into a bundle of what is farther. */
  weak?: ReadonlySet<number>;
}

/** Where everything is, in pixels; a box by its middle, a line as the `d` of a path. */
export interface Placed {
  x: Float64Array;
  y: Float64Array;
  lines: string[];
  width: number;
  height: number;
}

export const BOX = { width: 168, height: 48 };
const MARGIN = 16;
const BETWEEN = 16;
/** Room between two columns, and what each vertical beyond some adds to it. */
const GAP = { least: 40, most: 320, free: 4, each: 8 };
/** Columns that lines may pass through, all together: dagre takes long for each. The others go below. */
const PASSES = 2000;
const TRACK = 8;

/** A place that a line passes. */
interface Stop {
  column: number;
  y: number;
}

/**
 * Layers from left to right: the order in columns and the heights are dagre's (Gansner et al., A technique for
 * drawing directed graphs, 1993). Lines go straight through the columns and turn only between them, each in a
 * lane of its own, but those that leave the same box, or enter it, together.
 */
export function layout({ boxes, lines, weak }: Unplaced): Placed {
  const ranks = rank(boxes, weak ? lines.filter((_, line) => !weak.has(line)) : lines);
  const long = longest(lines, ranks);
  const graph = ordered(boxes, lines, ranks, long);
  const centre = Float64Array.from({ length: boxes }, (_, box) => graph.node(`${box}`).x ?? 0);
  const y = Float64Array.from({ length: boxes }, (_, box) => (graph.node(`${box}`).y ?? 0) + MARGIN);
  const columns = [...new Set(centre)].sort((a, b) => a - b);
  const columnAt = new Map(columns.map((x, column) => [x, column]));
  const end = (box: number): Stop => ({ column: columnAt.get(centre[box] ?? 0) ?? 0, y: y[box] ?? 0 });

  const lowest = Math.max(0, ...y) + BOX.height / 2;
  const tracks = new Map<number, number>();
  const ways = lines.map(([source, target], line) => {
    const [from, to] = [end(source), end(target)];
    if (long.has(line)) {
      const track = tracks.get(source) ?? lowest + MARGIN + tracks.size * TRACK;
      tracks.set(source, track);
      const step = Math.sign(to.column - from.column);
      return [from, { column: from.column + step, y: track }, { column: to.column - step, y: track }, to];
    }
    const passed: Stop[] = [];
    const [low, high] = upward([source, target], ranks);
    for (const point of graph.edge({ v: `${low}`, w: `${high}`, name: `${line}` }).points ?? []) {
      const column = columnAt.get(point.x);
      if (column !== undefined) passed.push({ column, y: point.y + MARGIN });
    }
    return [from, ...(low === source ? passed : passed.reverse()), to];
  });
  // Dagre leaves room for boxes above, and none for lines.
  const highest = ways.flat().reduce((least, stop) => Math.min(least, stop.y), Number.POSITIVE_INFINITY);
  const down = Math.max(0, MARGIN - highest);
  const lowered = ways.map((way) => way.map((stop) => ({ ...stop, y: stop.y + down })));
  return drawn(
    lines,
    lowered,
    columns.length,
    (box) => end(box).column,
    y.map((at) => at + down),
  );
}

/** Lines that lead past more columns than there is time for. */
function longest(lines: Unplaced["lines"], ranks: readonly number[]): Set<number> {
  const spans = lines.map(([source, target]) => Math.abs((ranks[target] ?? 0) - (ranks[source] ?? 0)) - 1);
  const long = new Set<number>();
  let passes = 0;
  for (const line of [...lines.keys()].sort((a, b) => (spans[a] ?? 0) - (spans[b] ?? 0))) {
    passes += spans[line] ?? 0;
    if (passes > PASSES && (spans[line] ?? 0) > 0) long.add(line);
  }
  return long;
}

function upward([source, target]: [number, number], ranks: readonly number[]): [number, number] {
  return (ranks[source] ?? 0) <= (ranks[target] ?? 0) ? [source, target] : [target, source];
}

function ordered(
  boxes: number,
  lines: Unplaced["lines"],
  ranks: readonly number[],
  long: ReadonlySet<number>,
) {
  const graph = new Graph({ multigraph: true });
  // Its own ranks take minutes for two thousand boxes; a function is taken in their place, though no type says so.
  const ranker = ((inner: Graph) => {
    // It keeps every second rank free for the labels of lines.
    for (const box of inner.nodes()) inner.node(box).rank = 2 * (ranks[Number(box)] ?? 0);
  }) as unknown as "longest-path";
  graph.setGraph({ rankdir: "LR", ranker, nodesep: BETWEEN, edgesep: TRACK, ranksep: GAP.least });
  graph.setDefaultEdgeLabel(() => ({}));
  for (let box = 0; box < boxes; box++) graph.setNode(`${box}`, { ...BOX });
  lines.forEach((ends, line) => {
    const [low, high] = upward(ends, ranks);
    if (!long.has(line)) graph.setEdge(`${low}`, `${high}`, {}, `${line}`);
  });
  dagre(graph);
  return graph;
}

/** A stretch of a line from one column to the next. */
interface Stretch {
  line: number;
  at: number;
  from: Stop;
  to: Stop;
}

function drawn(
  lines: Unplaced["lines"],
  ways: readonly Stop[][],
  columns: number,
  columnOf: (box: number) => number,
  y: Float64Array,
): Placed {
  const stretches: Stretch[] = ways.flatMap((way, line) =>
    way.slice(1).map((to, at) => ({ line, at, from: way[at] ?? to, to })),
  );
  const gapOf = ({ from, to }: Stretch) => Math.min(from.column, to.column);
  const lanes = Array.from({ length: columns }, () => new Lanes());
  const fans = fanOf(lines);
  const laneOf = stretches.map((stretch) => {
    if (Math.abs(stretch.from.y - stretch.to.y) < 1) return undefined;
    const [source = 0, target = 0] = lines[stretch.line] ?? [];
    const last = stretch.at === (ways[stretch.line]?.length ?? 0) - 2;
    const leaves = stretch.at === 0 && (!last || (fans.out.get(source) ?? 0) >= (fans.in.get(target) ?? 0));
    const bus = leaves ? `from ${source}` : last ? `to ${target}` : `${stretch.line} ${stretch.at}`;
    return lanes[gapOf(stretch)]?.join(bus, stretch.from.y, stretch.to.y);
  });

  // Columns move apart where many lines turn between them.
  let right = MARGIN;
  const middle: number[] = [];
  const turns = lanes.map((lane) => {
    middle.push(right + BOX.width / 2);
    right += BOX.width;
    const count = lane.settle();
    const gap = Math.min(GAP.most, GAP.least + Math.max(0, count - GAP.free) * GAP.each);
    const start = right;
    right += gap;
    return (at: number) => start + (gap * (at + 1)) / (count + 1);
  });

  const paths = lines.map(() => "");
  stretches.forEach((stretch, at) => {
    const { line, from, to } = stretch;
    const side = (BOX.width / 2) * (to.column > from.column ? 1 : -1);
    if (stretch.at === 0) paths[line] = `M${(middle[from.column] ?? 0) + side} ${from.y}`;
    const bus = laneOf[at];
    if (bus) paths[line] += `H${round(turns[gapOf(stretch)]?.(bus.lane) ?? 0)}V${to.y}`;
    if (stretch.at === (ways[line]?.length ?? 0) - 2) paths[line] += `H${(middle[to.column] ?? 0) - side}`;
  });
  // Lines may turn below the lowest box.
  const lowest = Math.max(0, ...y) + BOX.height / 2;
  return {
    x: Float64Array.from(y, (_, box) => middle[columnOf(box)] ?? 0),
    y,
    lines: paths,
    width: (middle.at(-1) ?? 0) + BOX.width / 2 + MARGIN,
    height: stretches.reduce((most, { to }) => Math.max(most, to.y), lowest) + MARGIN,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** How many lines leave and enter each box. */
function fanOf(lines: readonly [number, number][]) {
  const fans = { out: new Map<number, number>(), in: new Map<number, number>() };
  for (const [source, target] of lines) {
    fans.out.set(source, (fans.out.get(source) ?? 0) + 1);
    fans.in.set(target, (fans.in.get(target) ?? 0) + 1);
  }
  return fans;
}

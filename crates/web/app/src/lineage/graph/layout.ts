import { layout as dagre, Graph } from "@dagrejs/dagre";

/** What is laid out: shapes of one size, and lines between them by their places in `boxes`. */
export interface Unplaced {
  boxes: number;
  lines: [source: number, target: number][];
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

/** A stretch of a line from one column to the next. */
interface Stretch {
  line: number;
  at: number;
  from: number;
  to: number;
}

/**
 * Layers from left to right: the columns and the order in them are dagre's (Gansner et al., A technique for
 * drawing directed graphs, 1993); lines go straight through the columns and turn only between them, each in a
 * lane of its own, but those that leave the same box, or enter it, together.
 */
export function layout({ boxes, lines }: Unplaced): Placed {
  // Its other ranks are prettier by little and take ten times as long for two thousand boxes.
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", ranker: "tight-tree", nodesep: BETWEEN, edgesep: 8, ranksep: GAP.least });
  graph.setDefaultEdgeLabel(() => ({}));
  for (let box = 0; box < boxes; box++) graph.setNode(`${box}`, { ...BOX });
  lines.forEach(([source, target], line) => {
    graph.setEdge(`${source}`, `${target}`, {}, `${line}`);
  });
  dagre(graph);

  const centre = Float64Array.from({ length: boxes }, (_, box) => graph.node(`${box}`).x ?? 0);
  const y = Float64Array.from({ length: boxes }, (_, box) => (graph.node(`${box}`).y ?? 0) + MARGIN);
  const columns = [...new Set(centre)].sort((a, b) => a - b);
  const columnAt = new Map(columns.map((x, column) => [x, column]));

  const stretches: Stretch[] = [];
  const ways = lines.map(([source, target], line) => {
    const way = [{ column: columnAt.get(centre[source] ?? 0) ?? 0, y: y[source] ?? 0 }];
    for (const point of graph.edge({ v: `${source}`, w: `${target}`, name: `${line}` }).points ?? []) {
      const column = columnAt.get(point.x);
      if (column !== undefined) way.push({ column, y: point.y + MARGIN });
    }
    way.push({ column: columnAt.get(centre[target] ?? 0) ?? 0, y: y[target] ?? 0 });
    way.slice(1).forEach((to, at) => {
      stretches.push({ line, at, from: way[at]?.y ?? 0, to: to.y });
    });
    return way;
  });
  const gapOf = ({ line, at }: Stretch) =>
    Math.min(ways[line]?.[at]?.column ?? 0, ways[line]?.[at + 1]?.column ?? 0);

  const lanes = columns.map(() => new Lanes());
  const fans = fanOf(lines);
  const laneOf = stretches.map((stretch) => {
    if (Math.abs(stretch.from - stretch.to) < 1) return undefined;
    const [source = 0, target = 0] = lines[stretch.line] ?? [];
    const last = stretch.at === (ways[stretch.line]?.length ?? 0) - 2;
    const leaves = stretch.at === 0 && (!last || (fans.out.get(source) ?? 0) >= (fans.in.get(target) ?? 0));
    const bus = leaves ? `from ${source}` : last ? `to ${target}` : `${stretch.line} ${stretch.at}`;
    return lanes[gapOf(stretch)]?.join(bus, stretch.from, stretch.to);
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
  const width = (middle.at(-1) ?? 0) + BOX.width / 2 + MARGIN;

  const drawn = lines.map(() => "");
  stretches.forEach((stretch, at) => {
    const { line } = stretch;
    const way = ways[line] ?? [];
    const from = way[stretch.at]?.column ?? 0;
    const onward = (way[stretch.at + 1]?.column ?? 0) > from;
    const side = (BOX.width / 2) * (onward ? 1 : -1);
    if (stretch.at === 0) drawn[line] = `M${(middle[from] ?? 0) + side} ${stretch.from}`;
    const bus = laneOf[at];
    if (bus) drawn[line] += `H${round(turns[gapOf(stretch)]?.(bus.lane) ?? 0)}V${stretch.to}`;
    if (stretch.at === way.length - 2) {
      drawn[line] += `H${(middle[way.at(-1)?.column ?? 0] ?? 0) - side}`;
    }
  });
  const height = y.reduce((most, one) => Math.max(most, one), 0) + BOX.height / 2 + MARGIN;
  const x = centre.map((at) => middle[columnAt.get(at) ?? 0] ?? 0);
  return { x, y, lines: drawn, width, height };
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

interface Bus {
  top: number;
  bottom: number;
  lane: number;
}

/** Verticals between two columns: those that would lie on each other are put side by side. */
class Lanes {
  private readonly buses = new Map<string, Bus>();

  join(name: string, from: number, to: number): Bus {
    const known = this.buses.get(name);
    const [top, bottom] = [Math.min(from, to), Math.max(from, to)];
    if (!known) {
      const bus = { top, bottom, lane: 0 };
      this.buses.set(name, bus);
      return bus;
    }
    known.top = Math.min(known.top, top);
    known.bottom = Math.max(known.bottom, bottom);
    return known;
  }

  /** Gives each a lane; answers how many lanes that takes. */
  settle(): number {
    const ends: number[] = [];
    for (const bus of [...this.buses.values()].sort((a, b) => a.top - b.top)) {
      const free = ends.findIndex((end) => end + 4 < bus.top);
      bus.lane = free < 0 ? ends.length : free;
      ends[bus.lane] = bus.bottom;
    }
    return ends.length;
  }
}

import type { Drawn } from "./useLayout";

export type Direction = "back" | "on" | "up" | "down";

/**
 * Where a key leads from a box: along the line to the nearest box that it came from, or that came of it; or to
 * the next of the same column.
 */
export function neighbour(
  { folded, placed, placeOf }: Drawn,
  from: string,
  direction: Direction,
): string | undefined {
  const here = placeOf.get(from);
  if (here === undefined) return undefined;
  const [x = 0, y = 0] = [placed.x[here], placed.y[here]];
  const yOf = (id: string) => placed.y[placeOf.get(id) ?? here] ?? 0;
  const nearest = (ids: string[]) =>
    ids.reduce<string | undefined>(
      (best, id) => (best === undefined || Math.abs(yOf(id) - y) < Math.abs(yOf(best) - y) ? id : best),
      undefined,
    );
  switch (direction) {
    case "back":
      return nearest(folded.lines.filter(({ target }) => target === from).map(({ source }) => source));
    case "on":
      return nearest(folded.lines.filter(({ source }) => source === from).map(({ target }) => target));
    default: {
      const sign = direction === "up" ? -1 : 1;
      const column = folded.boxes.filter(
        (_, at) => placed.x[at] === x && sign * ((placed.y[at] ?? 0) - y) > 0,
      );
      return nearest(column.map(({ id }) => id));
    }
  }
}

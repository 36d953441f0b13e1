import { BOX, type Placed } from "./layout";

/** Where a picture is looked at: a point of it is drawn at `x + k * point`. */
export interface View {
  x: number;
  y: number;
  k: number;
}

export interface Size {
  width: number;
  height: number;
}

export const SCALES = { least: 0.01, most: 2 };
/** Below this nothing can be read: then a part that can is shown rather than all. */
const READABLE = 0.55;

/** All of the picture. */
export function fit(placed: Placed, size: Size): View {
  const k = Math.max(SCALES.least, Math.min(1, size.width / placed.width, size.height / placed.height));
  return { x: (size.width - placed.width * k) / 2, y: (size.height - placed.height * k) / 2, k };
}

/** All of it if that can be read, else the boxes at `places` if they can, else what is round the first of them. */
export function firstView(placed: Placed, size: Size, places: readonly number[]): View {
  const whole = fit(placed, size);
  const [first] = places;
  if (whole.k >= READABLE || first === undefined) return whole;
  const box = bounds(placed, places);
  const all = Math.min(0.9, size.width / (box.right - box.left), size.height / (box.bottom - box.top));
  const k = all >= READABLE ? all : size.width < 600 ? READABLE : 0.8;
  const x = all >= READABLE ? (box.left + box.right) / 2 : (placed.x[first] ?? 0);
  const y = all >= READABLE ? (box.top + box.bottom) / 2 : (placed.y[first] ?? 0);
  // What was asked about stands at an edge of the picture more often than in its middle.
  const inside = (at: number, length: number, room: number) =>
    length * k <= room
      ? (room - length * k) / 2
      : Math.min(0, Math.max(room - length * k, room / 2 - at * k));
  return { x: inside(x, placed.width, size.width), y: inside(y, placed.height, size.height), k };
}

function bounds(placed: Placed, places: readonly number[]) {
  const [xs, ys] = [places.map((place) => placed.x[place] ?? 0), places.map((place) => placed.y[place] ?? 0)];
  const [w, h] = [BOX.width / 2 + 16, BOX.height / 2 + 16];
  return {
    left: Math.min(...xs) - w,
    right: Math.max(...xs) + w,
    top: Math.min(...ys) - h,
    bottom: Math.max(...ys) + h,
  };
}

/** Nearer or farther, with the point at `x`, `y` where it is. */
export function zoomed(view: View, by: number, x: number, y: number): View {
  const k = Math.min(SCALES.most, Math.max(SCALES.least, view.k * by));
  const grown = k / view.k;
  return { x: x - (x - view.x) * grown, y: y - (y - view.y) * grown, k };
}

/** Moved as little as it takes to see the whole box at `place`. */
export function revealed(view: View, placed: Placed, size: Size, place: number): View {
  const shift = (at: number, half: number, room: number) => {
    const edge = 16;
    if (at - half < edge) return edge - (at - half);
    if (at + half > room - edge) return room - edge - (at + half);
    return 0;
  };
  const x = view.x + (placed.x[place] ?? 0) * view.k;
  const y = view.y + (placed.y[place] ?? 0) * view.k;
  const dx = shift(x, (BOX.width / 2) * view.k, size.width);
  const dy = shift(y, (BOX.height / 2) * view.k, size.height);
  return dx || dy ? { ...view, x: view.x + dx, y: view.y + dy } : view;
}

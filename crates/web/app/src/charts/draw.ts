import type { Line } from "./line";

/** Where a value lies, in the units of the paper. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x: (value: number) => number;
  y: (value: number) => number;
}

/** What is drawn of a line, and how. */
export interface Stroke {
  line: Line;
  /** What is drawn bold: the smoothed values, or those of the line. */
  y: readonly number[];
  colour: string;
  dash: number[];
  /** Whether the line is fainter than others, or stands out. */
  weight: "faint" | "plain" | "bold";
}

/** What of a canvas is needed to draw lines: an SVG has the same. */
export interface Paper {
  strokeStyle: string | CanvasGradient | CanvasPattern;
  fillStyle: string | CanvasGradient | CanvasPattern;
  globalAlpha: number;
  lineWidth: number;
  setLineDash(dash: number[]): void;
  beginPath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  closePath(): void;
  stroke(): void;
  fill(): void;
}

/** Of so many lines at most each has an envelope: of more, they would hide the lines. */
const ENVELOPES = 12;

/** Draws lines with their envelopes, the raw values under the smoothed, and marks where there is no number. */
export function drawStrokes(paper: Paper, strokes: readonly Stroke[], frame: Frame, scale: number): void {
  const alpha = (stroke: Stroke) => (stroke.weight === "faint" ? 0.2 : 1);
  if (strokes.length <= ENVELOPES) {
    for (const stroke of strokes) envelope(paper, stroke, frame, 0.16 * alpha(stroke));
  }
  paper.lineWidth = scale;
  for (const stroke of strokes) {
    if (stroke.y === stroke.line.y) continue;
    pen(paper, stroke, scale, 0.3 * alpha(stroke));
    trace(paper, stroke.line.x, stroke.line.y, frame);
  }
  const order = { faint: 0, plain: 1, bold: 2 };
  for (const stroke of [...strokes].sort((a, b) => order[a.weight] - order[b.weight])) {
    paper.lineWidth = (stroke.weight === "bold" ? 2.5 : 1.5) * scale;
    pen(paper, stroke, scale, alpha(stroke));
    trace(paper, stroke.line.x, stroke.y, frame);
    loners(paper, stroke, frame, scale);
    marks(paper, stroke, frame, scale);
  }
  paper.globalAlpha = 1;
  paper.setLineDash([]);
}

function pen(paper: Paper, stroke: Stroke, scale: number, alpha: number): void {
  paper.globalAlpha = alpha;
  paper.strokeStyle = stroke.colour;
  paper.fillStyle = stroke.colour;
  paper.setLineDash(stroke.dash.map((length) => length * scale));
}

function trace(paper: Paper, xs: readonly number[], ys: readonly number[], frame: Frame): void {
  paper.beginPath();
  let down = false;
  for (let at = 0; at < xs.length; at++) {
    const y = frame.y(ys[at] ?? Number.NaN);
    if (!Number.isFinite(y)) {
      down = false;
      continue;
    }
    const x = frame.x(xs[at] ?? 0);
    if (down) paper.lineTo(x, y);
    else paper.moveTo(x, y);
    down = true;
  }
  paper.stroke();
}

/** A point between two gaps has no line through it. */
function loners(paper: Paper, { line, y: ys }: Stroke, frame: Frame, scale: number): void {
  for (let at = 0; at < ys.length; at++) {
    if (!Number.isFinite(ys[at]) || Number.isFinite(ys[at - 1]) || Number.isFinite(ys[at + 1])) continue;
    const x = frame.x(line.x[at] ?? 0);
    const y = frame.y(ys[at] ?? 0);
    if (Number.isFinite(y))
      polygon(paper, [
        [x - 2.5 * scale, y],
        [x, y - 2.5 * scale],
        [x + 2.5 * scale, y],
        [x, y + 2.5 * scale],
      ]);
  }
}

function envelope(paper: Paper, { line, colour }: Stroke, frame: Frame, alpha: number): void {
  paper.globalAlpha = alpha;
  paper.fillStyle = colour;
  let from = 0;
  for (let at = 0; at <= line.x.length; at++) {
    if (at < line.x.length && Number.isFinite(frame.y(line.low[at] ?? Number.NaN))) continue;
    if (at - from > 1) {
      paper.beginPath();
      for (let i = from; i < at; i++) paper.lineTo(frame.x(line.x[i] ?? 0), frame.y(line.high[i] ?? 0));
      for (let i = at - 1; i >= from; i--) paper.lineTo(frame.x(line.x[i] ?? 0), frame.y(line.low[i] ?? 0));
      paper.closePath();
      paper.fill();
    }
    from = at + 1;
  }
}

/** A cross on the axis for NaN, an arrow at the edge for an infinity. */
function marks(paper: Paper, { line }: Stroke, frame: Frame, scale: number): void {
  const size = 4 * scale;
  const bottom = frame.top + frame.height - size;
  const top = frame.top + size;
  paper.setLineDash([]);
  paper.lineWidth = 1.5 * scale;
  let drawn = Number.NEGATIVE_INFINITY;
  for (const { x: at, value } of line.marks) {
    const x = frame.x(at);
    // Of a row of them, those that can be told apart.
    if (x - drawn < 3 * size) continue;
    drawn = x;
    if (Number.isNaN(value)) {
      paper.beginPath();
      paper.moveTo(x - size, bottom - size);
      paper.lineTo(x + size, bottom + size);
      paper.moveTo(x - size, bottom + size);
      paper.lineTo(x + size, bottom - size);
      paper.stroke();
    } else if (value > 0)
      polygon(paper, [
        [x - size, top + size],
        [x, top - size],
        [x + size, top + size],
      ]);
    else
      polygon(paper, [
        [x - size, bottom - size],
        [x, bottom + size],
        [x + size, bottom - size],
      ]);
  }
}

function polygon(paper: Paper, corners: readonly (readonly [number, number])[]): void {
  paper.beginPath();
  for (const [at, [x, y]] of corners.entries()) {
    if (at === 0) paper.moveTo(x, y);
    else paper.lineTo(x, y);
  }
  paper.closePath();
  paper.fill();
}

import { ink } from "./colours";
import type { Frame, Paper, Stroke } from "./draw";
import { drawStrokes } from "./draw";
import type { Field, Picture } from "./export";
import type { Extent } from "./extent";
import { dashed, page, text } from "./picture";

/** What a chart shows, a row a point. */
export function rowsOf(strokes: readonly Stroke[], nameOf: (id: string) => string): Field[][] {
  const rows: Field[][] = [["run", "name", "metric", "x", "value", "min", "max", "points", "smoothed"]];
  for (const { line, y } of strokes) {
    for (let at = 0; at < line.x.length; at++) {
      // The first and the last point of a bucket are drawn besides its mean, and counted in it.
      if (line.weight[at] === 0) continue;
      const values = [line.x[at], line.y[at], line.low[at], line.high[at], line.weight[at], y[at]];
      rows.push([line.id, nameOf(line.id), line.key, ...values]);
    }
  }
  return rows;
}

/** Records what is drawn as SVG. */
class SvgPaper implements Paper {
  strokeStyle = "";
  fillStyle = "";
  globalAlpha = 1;
  lineWidth = 1;
  readonly out: string[] = [];
  private path = "";
  private dash: number[] = [];

  setLineDash(dash: number[]): void {
    this.dash = dash;
  }
  beginPath(): void {
    this.path = "";
  }
  moveTo(x: number, y: number): void {
    this.path += `M${x.toFixed(2)} ${y.toFixed(2)}`;
  }
  lineTo(x: number, y: number): void {
    this.path += `${this.path ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
  }
  closePath(): void {
    this.path += "Z";
  }
  stroke(): void {
    this.out.push(
      `<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-opacity="${this.globalAlpha}"${dashed(this.dash)}/>`,
    );
  }
  fill(): void {
    this.out.push(`<path d="${this.path}" fill="${this.fillStyle}" fill-opacity="${this.globalAlpha}"/>`);
  }
}

export interface Axes {
  x: { value: number; text: string }[];
  y: { value: number; text: string }[];
  place: (extent: Extent, width: number, height: number) => Pick<Frame, "x" | "y">;
}

/** Lines that a legend names. */
const NAMED = 50;
const [LEFT, TOP, WIDTH, HEIGHT, RIGHT, BOTTOM] = [64, 8, 640, 320, 24, 28];

/** A chart as a picture: axes, the lines, and a legend. */
export function pictureOfLines(
  title: string,
  strokes: readonly Stroke[],
  extent: Extent,
  axes: Axes,
  nameOf: (id: string) => string,
): Picture {
  const inner = axes.place(extent, WIDTH, HEIGHT);
  const frame: Frame = {
    left: LEFT,
    top: TOP,
    width: WIDTH,
    height: HEIGHT,
    x: (value) => LEFT + inner.x(value),
    y: (value) => TOP + inner.y(value),
  };
  const paper = new SvgPaper();
  drawStrokes(paper, strokes, frame, 1);
  const body = [
    ...axes.y.flatMap((tick) => [
      `<path d="M${LEFT} ${frame.y(tick.value)}h${WIDTH}" stroke="${ink("line")}"/>`,
      text(LEFT - 6, frame.y(tick.value) + 4, tick.text, { anchor: "end" }),
    ]),
    ...axes.x.map((tick) => text(frame.x(tick.value), TOP + HEIGHT + 16, tick.text, { anchor: "middle" })),
    `<clipPath id="plot"><rect x="${LEFT}" y="${TOP}" width="${WIDTH}" height="${HEIGHT}"/></clipPath>`,
    `<g clip-path="url(#plot)">${paper.out.join("")}</g>`,
  ];
  const legend = strokes.slice(0, NAMED).map(({ line, colour, dash }) => ({
    paint: colour,
    dash,
    words: `${nameOf(line.id)} · ${line.key}`,
  }));
  return page(title, { width: LEFT + WIDTH + RIGHT, height: TOP + HEIGHT + BOTTOM }, body, legend);
}

import type { Frame, Paper, Stroke } from "./draw";
import { drawStrokes } from "./draw";
import type { Extent } from "./extent";

/** Saves text or an image under a name. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A canvas on paper of the colour `ground`. */
export async function png(canvas: HTMLCanvasElement, ground: string): Promise<Blob | null> {
  const whole = document.createElement("canvas");
  whole.width = canvas.width;
  whole.height = canvas.height;
  const paper = whole.getContext("2d");
  if (!paper) return null;
  paper.fillStyle = ground;
  paper.fillRect(0, 0, whole.width, whole.height);
  paper.drawImage(canvas, 0, 0);
  return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
}

/** What a chart shows, a line a point. */
export function csv(strokes: readonly Stroke[], nameOf: (id: string) => string): string {
  const rows = ["run,name,metric,x,value,min,max,points,smoothed"];
  for (const { line, y } of strokes) {
    for (let at = 0; at < line.x.length; at++) {
      // The first and the last point of a bucket are drawn besides its mean, and counted in it.
      if (line.weight[at] === 0) continue;
      const cells = [line.x[at], line.y[at], line.low[at], line.high[at], line.weight[at], y[at]];
      rows.push([quoted(line.id), quoted(nameOf(line.id)), quoted(line.key), ...cells].join(","));
    }
  }
  return `${rows.join("\r\n")}\r\n`;
}

/** A field as spreadsheets read it; one that they would take for a formula is text. */
function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Records what is drawn as SVG. */
class SvgPaper implements Paper {
  strokeStyle = "";
  fillStyle = "";
  globalAlpha = 1;
  lineWidth = 1;
  readonly out: string[] = [];
  private path = "";
  private dash = "";

  setLineDash(dash: number[]): void {
    this.dash = dash.join(" ");
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
    const dash = this.dash ? ` stroke-dasharray="${this.dash}"` : "";
    this.out.push(
      `<path d="${this.path}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-opacity="${this.globalAlpha}"${dash}/>`,
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

/** A chart as a drawing that can be scaled: axes, a legend, and the lines. */
export function svg(
  title: string,
  strokes: readonly Stroke[],
  extent: Extent,
  axes: Axes,
  nameOf: (id: string) => string,
  colours: { ground: string; text: string; line: string },
): string {
  const [left, top, width, height] = [64, 32, 640, 320];
  const inner = axes.place(extent, width, height);
  const frame: Frame = { left, top, width, height, x: (v) => left + inner.x(v), y: (v) => top + inner.y(v) };
  const paper = new SvgPaper();
  drawStrokes(paper, strokes, frame, 1);
  const legend = strokes.slice(0, 20);
  const total = top + height + 40 + legend.length * 16;
  const text = (x: number, y: number, words: string, anchor = "start") =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${colours.text}">${escaped(words)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 24}" height="${total}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${colours.ground}"/>`,
    text(left, 20, title),
    ...axes.y.map(
      (tick) =>
        `<path d="M${left} ${frame.y(tick.value)}h${width}" stroke="${colours.line}"/>${text(left - 6, frame.y(tick.value) + 4, tick.text, "end")}`,
    ),
    ...axes.x.map((tick) => text(frame.x(tick.value), top + height + 16, tick.text, "middle")),
    `<svg x="0" y="0"><defs><clipPath id="plot"><rect x="${left}" y="${top}" width="${width}" height="${height}"/></clipPath></defs><g clip-path="url(#plot)">${paper.out.join("")}</g></svg>`,
    ...legend.map(({ line, colour }, at) => {
      const y = top + height + 36 + at * 16;
      return `<path d="M${left} ${y - 4}h16" stroke="${colour}" stroke-width="2"/>${text(left + 24, y, `${nameOf(line.id)} · ${line.key}`)}`;
    }),
    "</svg>",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

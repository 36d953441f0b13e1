import { ink } from "./colours";
import type { Picture } from "./export";

const FONT = "sans-serif";
const [TITLE, LINE] = [32, 16];

/** What is drawn of an entry of a legend, and what it says. */
export interface Key {
  paint: string;
  dash?: readonly number[];
  words: string;
}

/** A picture on the ground of the page: a title, what it shows, and a legend below. */
export function page(
  title: string,
  size: { width: number; height: number },
  body: readonly string[],
  legend: readonly Key[] = [],
): Picture {
  const { width } = size;
  const below = TITLE + size.height;
  const height = below + (legend.length ? legend.length * LINE + LINE : 0);
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}" font-size="12">`,
    `<rect width="100%" height="100%" fill="${ink("bg")}"/>`,
    text(LINE, 20, title, { weight: 600 }),
    `<g transform="translate(0 ${TITLE})">`,
    ...body,
    "</g>",
    ...legend.map(({ paint, dash, words }, at) => {
      const y = below + LINE + at * LINE;
      return `<path d="M${LINE} ${y - 4}h28" stroke="${paint}" stroke-width="2"${dashed(dash)}/>${text(LINE + 36, y, words)}`;
    }),
    "</svg>",
  ].join("\n");
  return { svg, width, height };
}

export function text(
  x: number,
  y: number,
  words: string,
  { anchor = "start", weight = 400 }: { anchor?: "start" | "middle" | "end"; weight?: number } = {},
): string {
  const bold = weight === 400 ? "" : ` font-weight="${weight}"`;
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${ink("text")}"${bold}>${escaped(words)}</text>`;
}

export function dashed(dash: readonly number[] = []): string {
  return dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** What the page's style says of shapes and letters. */
const STYLED = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "opacity",
  "font-size",
  "font-weight",
] as const;

/** A drawing of the page as a picture of its own, without what only acts. */
export function pictureOf(title: string, drawing: SVGSVGElement, legend: readonly Key[] = []): Picture {
  const { width, height } = drawing.getBoundingClientRect();
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = drawing.querySelectorAll("*");
  for (const [at, shape] of [...copy.querySelectorAll("*")].entries()) {
    const original = originals[at];
    if (!original) continue;
    const style = getComputedStyle(original);
    for (const name of STYLED) shape.setAttribute(name, plain(style.getPropertyValue(name)));
    shape.removeAttribute("style");
    shape.removeAttribute("class");
  }
  for (const grip of copy.querySelectorAll('[fill="none"][stroke="none"]:not(g)')) grip.remove();
  const inner = [...copy.children].map((child) => new XMLSerializer().serializeToString(child));
  return page(title, { width, height }, inner, legend);
}

/** A value as every program that draws knows it: colours as sRGB, lengths without a unit. */
export function plain(value: string): string {
  if (/^(color|oklab|oklch|lab)\(/.test(value)) return sampled(value);
  if (/^rgba\(.*, 0\)$/.test(value)) return "none";
  return value.replaceAll(/(\d)px\b/g, "$1");
}

/** A colour as a canvas paints it. */
function sampled(colour: string): string {
  const canvas = document.createElement("canvas");
  canvas.width = 1;
  canvas.height = 1;
  const paper = canvas.getContext("2d");
  if (!paper) return colour;
  paper.fillStyle = colour;
  paper.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0] = paper.getImageData(0, 0, 1, 1).data;
  return `rgb(${r}, ${g}, ${b})`;
}

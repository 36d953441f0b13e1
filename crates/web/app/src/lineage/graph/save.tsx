import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { save } from "../../charts/export";
import { Drawing, type Emphasis, type Ink, PAGE_INK } from "./Drawing";
import type { Drawn } from "./useLayout";

/** Pixels of an image at most: browsers draw no larger one. */
const MOST_PIXELS = 16_000;

/** The whole picture, folded as it is, in the colours of the page. */
function drawing(drawn: Drawn, emphasis: Emphasis): SVGSVGElement {
  const ink = actual(PAGE_INK);
  const { width, height } = drawn.placed;
  const host = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  host.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  host.setAttribute("width", `${Math.ceil(width)}`);
  host.setAttribute("height", `${Math.ceil(height)}`);
  host.setAttribute("font-family", "system-ui, sans-serif");
  const root = createRoot(host);
  flushSync(() =>
    root.render(
      <>
        <rect width="100%" height="100%" fill={ink.ground} />
        <Drawing drawn={drawn} ink={ink} emphasis={emphasis} />
      </>,
    ),
  );
  const copy = host.cloneNode(true) as SVGSVGElement;
  root.unmount();
  return copy;
}

/** Colours as they are, where the page names them by tokens. */
function actual(ink: Ink): Ink {
  const probe = document.createElement("i");
  document.body.append(probe);
  const resolved = Object.entries(ink).map(([name, colour]) => {
    probe.style.color = colour;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(resolved) as Ink;
}

export function saveSvg(name: string, drawn: Drawn, emphasis: Emphasis): void {
  const text = new XMLSerializer().serializeToString(drawing(drawn, emphasis));
  save(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

export async function savePng(name: string, drawn: Drawn, emphasis: Emphasis): Promise<void> {
  const { width, height } = drawn.placed;
  const scale = Math.min(2, MOST_PIXELS / Math.max(width, height));
  const text = new XMLSerializer().serializeToString(drawing(drawn, emphasis));
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) save(`${name}.png`, blob);
}

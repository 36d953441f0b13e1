import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import type { Picture } from "../../charts/export";
import { Drawing, type Emphasis, type Ink, PAGE_INK } from "./Drawing";
import type { Drawn } from "./useLayout";

/** The whole picture, folded as it is, in the colours of the page. */
export function pictureOf(drawn: Drawn, emphasis: Emphasis): Picture {
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
  const svg = new XMLSerializer().serializeToString(host);
  root.unmount();
  return { svg, width, height };
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

import { useRef } from "react";
import type { Emphasis } from "./Drawing";
import type { Drawn } from "./useLayout";

/** Saves the picture as it is folded; what draws it for a file is loaded when it is asked for. */
export function SaveMenu({ name, drawn, emphasis }: { name: string; drawn: Drawn; emphasis: Emphasis }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const as = (form: "svg" | "png") => async () => {
    menu.current?.removeAttribute("open");
    const { saveSvg, savePng } = await import("./save");
    if (form === "svg") saveSvg(name, drawn, emphasis);
    else await savePng(name, drawn, emphasis);
  };
  return (
    <details ref={menu} className="menu">
      <summary className="button">Save picture</summary>
      <div className="float">
        <button type="button" className="button plain" onClick={as("svg")}>
          SVG
        </button>
        <button type="button" className="button plain" onClick={as("png")}>
          PNG
        </button>
      </div>
    </details>
  );
}

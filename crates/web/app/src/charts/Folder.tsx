import { type ReactNode, useState } from "react";
import { count } from "../format/numbers";
import type { Panel } from "./panels";

/** Panels that come at a time: none of them is heavy, thousands are. */
const PAGE = 60;

interface Props {
  /** Empty for charts without a folder. */
  name: string;
  panels: readonly Panel[];
  /** Whether it is open at first. */
  opened: boolean;
  children: (panel: Panel) => ReactNode;
}

/** The charts of a folder of metrics: made once it is open, a page after the other. */
export function Folder({ name, panels, opened, children }: Props) {
  const [open, setOpen] = useState(opened);
  const [shown, setShown] = useState(PAGE);
  const left = panels.length - shown;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={name ? "section" : "hidden-text"}>
        {name || "Charts without a folder"} <span className="number">{count(panels.length)}</span>
      </summary>
      {open && (
        <>
          <div className="panels">{panels.slice(0, shown).map(children)}</div>
          {left > 0 && (
            <p className="charts-more">
              <button type="button" className="button" onClick={() => setShown(shown + PAGE)}>
                {count(Math.min(left, PAGE))} more of {count(panels.length)}
              </button>
            </p>
          )}
        </>
      )}
    </details>
  );
}

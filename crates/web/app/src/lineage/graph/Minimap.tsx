import { useMemo } from "react";
import { BOX } from "./layout";
import type { Drawn } from "./useLayout";
import type { Looking } from "./useView";
import type { Size } from "./view";

const MOST = { width: 160, height: 100 };

/** All of a picture that is larger than what is seen, and where in it one is; pressing goes there. */
export function Minimap({ drawn, size, looking }: { drawn: Drawn; size: Size; looking: Looking }) {
  const { placed } = drawn;
  const { view } = looking;
  const boxes = useMemo(() => {
    let d = "";
    for (let at = 0; at < placed.x.length; at++) {
      d += `M${(placed.x[at] ?? 0) - BOX.width / 2} ${(placed.y[at] ?? 0) - BOX.height / 2}h${BOX.width}v${BOX.height}h${-BOX.width}z`;
    }
    return d;
  }, [placed]);
  const seesAll = placed.width * view.k <= size.width + 1 && placed.height * view.k <= size.height + 1;
  if (seesAll) return null;
  const k = Math.min(MOST.width / placed.width, MOST.height / placed.height);
  return (
    // What it does is there by keys too: it only shows where one is.
    <svg
      className="minimap"
      aria-hidden="true"
      width={placed.width * k}
      height={placed.height * k}
      viewBox={`0 0 ${placed.width} ${placed.height}`}
      onPointerDown={(event) => {
        event.stopPropagation();
        const box = event.currentTarget.getBoundingClientRect();
        const [x, y] = [(event.clientX - box.left) / k, (event.clientY - box.top) / k];
        looking.set((before) => ({
          ...before,
          x: size.width / 2 - x * before.k,
          y: size.height / 2 - y * before.k,
        }));
      }}
    >
      <path d={boxes} fill="var(--line-strong)" />
      <rect
        x={-view.x / view.k}
        y={-view.y / view.k}
        width={size.width / view.k}
        height={size.height / view.k}
        fill="var(--accent)"
        fillOpacity={0.15}
        stroke="var(--accent)"
        strokeWidth={1.5 / k}
      />
    </svg>
  );
}

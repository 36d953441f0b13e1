import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from "react";
import { usePersonal } from "../state/personal";

const [LEAST, MOST, STEP] = [0.15, 0.8, 0.02];

/** Two halves with an edge between them that can be moved, and is where it was left. */
export function Splitter({ name, left, right }: { name: string; left: ReactNode; right: ReactNode }) {
  const [part, setPart] = usePersonal(`splitter.${name}`, 0.45);
  const place = useRef<HTMLDivElement>(null);
  const to = (value: number) => setPart(Math.min(MOST, Math.max(LEAST, value)));
  const onMove = (event: PointerEvent) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || !place.current) return;
    const box = place.current.getBoundingClientRect();
    to((event.clientX - box.left) / box.width);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") to(part - STEP);
    else if (event.key === "ArrowRight") to(part + STEP);
    else return;
    event.preventDefault();
  };
  return (
    <div ref={place} className="split" style={{ ["--part" as string]: `${part * 100}%` }}>
      <div className="split-left">{left}</div>
      <div
        className="split-edge"
        role="separator"
        aria-orientation="vertical"
        aria-label="Edge between the table and the charts"
        aria-valuenow={Math.round(part * 100)}
        aria-valuemin={LEAST * 100}
        aria-valuemax={MOST * 100}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={onMove}
        onKeyDown={onKey}
      />
      <div className="split-right">{right}</div>
    </div>
  );
}

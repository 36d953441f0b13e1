import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Drawn } from "./useLayout";
import { firstView, fit, revealed, type Size, type View, zoomed } from "./view";

export interface Looking {
  view: View;
  set: (next: (before: View) => View) => void;
  fit: () => void;
  reveal: (box: string) => void;
}

/**
 * Where the picture is looked at. A new question begins with the boxes `first`; when bundles open or close,
 * the box at `current` stays where it is on the screen.
 */
export function useView(
  drawn: Drawn | undefined,
  size: Size | undefined,
  question: string,
  current: string | undefined,
  first: readonly string[],
): Looking {
  const [view, setView] = useState<View>({ x: 0, y: 0, k: 1 });
  const before = useRef<{ drawn: Drawn; question: string }>(undefined);
  const touched = useRef(false);
  const anchor = useRef({ current, first });
  anchor.current = { current, first };
  useLayoutEffect(() => {
    if (!drawn || !size) return;
    const last = before.current;
    before.current = { drawn, question };
    const begin = () => {
      const places = anchor.current.first.flatMap((box) => drawn.placeOf.get(box) ?? []);
      setView(firstView(drawn.placed, size, places));
    };
    if (!last || last.question !== question) touched.current = false;
    // Nobody has looked elsewhere yet: the room may still change, and the picture with it.
    if (!touched.current && anchor.current.current === undefined) return begin();
    if (last?.drawn === drawn || !last) return;
    for (const box of [anchor.current.current ?? "", ...anchor.current.first]) {
      const [was, is] = [last.drawn.placeOf.get(box), drawn.placeOf.get(box)];
      if (was === undefined || is === undefined) continue;
      const dx = (last.drawn.placed.x[was] ?? 0) - (drawn.placed.x[is] ?? 0);
      const dy = (last.drawn.placed.y[was] ?? 0) - (drawn.placed.y[is] ?? 0);
      setView((view) => ({ ...view, x: view.x + dx * view.k, y: view.y + dy * view.k }));
      return;
    }
    begin();
  }, [drawn, size, question]);

  const reveal = useCallback(
    (box: string) => {
      const place = drawn?.placeOf.get(box);
      touched.current = true;
      if (drawn && size && place !== undefined) setView((view) => revealed(view, drawn.placed, size, place));
    },
    [drawn, size],
  );
  const whole = useCallback(() => {
    touched.current = true;
    if (drawn && size) setView(fit(drawn.placed, size));
  }, [drawn, size]);
  const set = useCallback((next: (before: View) => View) => {
    touched.current = true;
    setView(next);
  }, []);
  return { view, set, fit: whole, reveal };
}

/** Dragging moves the picture, two fingers or the wheel with Ctrl make it larger; the wheel alone is the page's. */
export function usePointers(
  element: RefObject<HTMLElement | null>,
  set: Looking["set"],
  press: (x: number, y: number) => void,
): void {
  const acts = useRef({ set, press });
  acts.current = { set, press };
  useEffect(() => {
    const place = element.current;
    if (!place) return;
    const down = new Map<number, { x: number; y: number }>();
    let travelled = 0;
    const at = (event: PointerEvent | WheelEvent) => {
      const box = place.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const onDown = (event: PointerEvent) => {
      if (
        event.button !== 0 ||
        (event.target as Element).closest("button, a, input, select, summary, .minimap")
      )
        return;
      place.setPointerCapture(event.pointerId);
      if (down.size === 0) travelled = 0;
      down.set(event.pointerId, at(event));
    };
    const onMove = (event: PointerEvent) => {
      const was = down.get(event.pointerId);
      if (!was) return;
      const is = at(event);
      travelled += Math.abs(is.x - was.x) + Math.abs(is.y - was.y);
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      down.set(event.pointerId, is);
      if (other) {
        const apart = (one: { x: number; y: number }) => Math.hypot(one.x - other.x, one.y - other.y);
        const by = apart(is) / Math.max(1, apart(was));
        acts.current.set((view) => zoomed(view, by, (is.x + other.x) / 2, (is.y + other.y) / 2));
      } else acts.current.set((view) => ({ ...view, x: view.x + is.x - was.x, y: view.y + is.y - was.y }));
    };
    const onUp = (event: PointerEvent) => {
      const was = down.get(event.pointerId);
      down.delete(event.pointerId);
      // A hand is not quite still when it presses.
      if (was && travelled < 6 && event.type === "pointerup") acts.current.press(was.x, was.y);
    };
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { x, y } = at(event);
      acts.current.set((view) => zoomed(view, Math.exp(-event.deltaY / 300), x, y));
    };
    place.addEventListener("pointerdown", onDown);
    place.addEventListener("pointermove", onMove);
    place.addEventListener("pointerup", onUp);
    place.addEventListener("pointercancel", onUp);
    place.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      place.removeEventListener("pointerdown", onDown);
      place.removeEventListener("pointermove", onMove);
      place.removeEventListener("pointerup", onUp);
      place.removeEventListener("pointercancel", onUp);
      place.removeEventListener("wheel", onWheel);
    };
  }, [element]);
}

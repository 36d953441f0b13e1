import { useShortcuts } from "../frame/shortcuts";

interface Moves {
  move: (by: number) => void;
  open: () => void;
  toggle: (what: "shown" | "selected" | "pinned") => void;
  recolour: () => void;
  compare: () => void;
  isolate: () => void;
  copy: () => void;
}

/** The keys of a table of runs. */
export function useTableKeys({ move, open, toggle, recolour, compare, isolate, copy }: Moves): void {
  const down = { what: "next run", run: () => move(1) };
  const up = { what: "run before", run: () => move(-1) };
  useShortcuts({
    "/": { what: "filter", run: () => document.getElementById("filter")?.focus() },
    j: down,
    ArrowDown: down,
    k: up,
    ArrowUp: up,
    Enter: { what: "open the run", run: open },
    x: { what: "select", run: () => toggle("selected") },
    h: { what: "show in the charts, or hide", run: () => toggle("shown") },
    p: { what: "pin to the top", run: () => toggle("pinned") },
    c: { what: "compare the selected, or those in the charts", run: compare },
    i: { what: "only the selected in the charts", run: isolate },
    o: { what: "another colour", run: recolour },
    y: { what: "copy the name", run: copy },
  });
}

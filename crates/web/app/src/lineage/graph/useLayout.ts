import { useEffect, useState } from "react";
import type { Folded } from "./fold";
import type { Placed } from "./layout";

/** A picture whose places are known. */
export interface Drawn {
  folded: Folded;
  placed: Placed;
  /** Where each box stands among the boxes. */
  placeOf: ReadonlyMap<string, number>;
}

/** Lays out in a worker: the page answers meanwhile, and shows what was laid out before. */
export function useLayout(folded: Folded): { drawn: Drawn | undefined; busy: boolean; error: unknown } {
  const [drawn, setDrawn] = useState<Drawn>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    const placeOf = new Map(folded.boxes.map(({ id }, at) => [id, at]));
    worker.onmessage = ({ data }: MessageEvent<Placed>) => {
      setError(undefined);
      setDrawn({ folded, placed: data, placeOf });
      worker.terminate();
    };
    worker.onerror = (event) => {
      setError(event.message || "the picture could not be laid out");
      worker.terminate();
    };
    worker.postMessage({
      boxes: folded.boxes.length,
      weak: new Set(folded.lines.flatMap(({ weak }, at) => (weak ? [at] : []))),
      lines: folded.lines.map(({ source, target }) => [placeOf.get(source) ?? 0, placeOf.get(target) ?? 0]),
    });
    return () => worker.terminate();
  }, [folded]);
  return { drawn, busy: drawn?.folded !== folded && error === undefined, error };
}

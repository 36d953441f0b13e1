import { flushSync } from "react-dom";
import { signal, useSignal } from "./signal";

/** Whether the page is put on paper: browsers take it as it is when their handlers return. */
export const printing = signal(false);

if (typeof window !== "undefined") {
  window.addEventListener("beforeprint", () => flushSync(() => printing.set(true)));
  window.addEventListener("afterprint", () => printing.set(false));
}

export function usePrinting(): boolean {
  return useSignal(printing, (on) => on);
}

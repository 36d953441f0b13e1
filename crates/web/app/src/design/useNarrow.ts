import { useSyncExternalStore } from "react";

/** So wide is a phone at most, as the style sheets have it. */
const phone = window.matchMedia("(max-width: 720px)");

/** Whether there is room for a phone's page only; a turned phone or another size of the window tells anew. */
export function useNarrow(): boolean {
  return useSyncExternalStore(listen, () => phone.matches);
}

function listen(listener: () => void): () => void {
  phone.addEventListener("change", listener);
  return () => phone.removeEventListener("change", listener);
}

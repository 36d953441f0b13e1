import { useSyncExternalStore } from "react";
import { onPersonalChange, readPersonal } from "./personal";
import { printing } from "./printing";

export type Theme = "auto" | "light" | "dark";

const listeners = new Set<() => void>();
/** How often colours have changed. */
let changes = 0;

export function theme(): Theme {
  return readPersonal<Theme>("theme", "auto");
}

export function applyTheme(): void {
  // Paper is white.
  const chosen = printing.get() ? "light" : theme();
  if (chosen === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  changes += 1;
  for (const listener of listeners) listener();
}

/** Calls when colours change: canvases draw with what they read before. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Another number each time colours change, for those who keep what they read of them. */
export function useThemeChanges(): number {
  return useSyncExternalStore(onThemeChange, () => changes);
}

let applied = theme();
onPersonalChange(() => {
  if (theme() === applied) return;
  applied = theme();
  applyTheme();
});

printing.subscribe(applyTheme);

if (typeof window !== "undefined")
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

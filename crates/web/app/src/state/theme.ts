import { onPersonalChange, readPersonal } from "./personal";

export type Theme = "auto" | "light" | "dark";

const listeners = new Set<() => void>();

export function theme(): Theme {
  return readPersonal<Theme>("theme", "auto");
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  for (const listener of listeners) listener();
}

/** Calls when colours change: canvases draw with what they read before. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let applied = theme();
onPersonalChange(() => {
  if (theme() === applied) return;
  applied = theme();
  applyTheme();
});

if (typeof window !== "undefined")
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

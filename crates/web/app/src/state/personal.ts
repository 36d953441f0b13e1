import { useCallback, useState, useSyncExternalStore } from "react";

/**
 * What is one person's and not the page's, such as where the splitter stands: kept in the browser, and by the
 * server for whoever is signed in. What the server has comes first, so that it is the same in each browser.
 */
const PREFIX = "herdbook.";
/** Changes of this time go to the server together: a splitter changes with each movement. */
const GATHER_MS = 800;

const listeners = new Set<() => void>();
/** Texts as they are kept, so that what was read is the same value as long as it does not change. */
const read = new Map<string, { text: string; value: unknown }>();

/** Where changes go besides the browser. */
let send: ((changes: Record<string, string>) => Promise<unknown>) | undefined;
let gathered: Record<string, string> = {};
let sending: ReturnType<typeof setTimeout> | undefined;

export function usePersonal<T>(name: string, initial: T): [T, (value: T) => void] {
  const [first] = useState(initial);
  const value = useSyncExternalStore(subscribe, () => readPersonal(name, first));
  const keep = useCallback((next: T) => writePersonal(name, next), [name]);
  return [value, keep];
}

export function readPersonal<T>(name: string, initial: T): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    if (text === null) return initial;
    const known = read.get(name);
    if (known?.text === text) return known.value as T;
    const value = JSON.parse(text) as T;
    read.set(name, { text, value });
    return value;
  } catch {
    // Nothing is kept, or something that is no JSON.
    return (read.get(name)?.value as T | undefined) ?? initial;
  }
}

export function writePersonal(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  keepText(name, text, value);
  if (send) {
    gathered[name] = text;
    clearTimeout(sending);
    sending = setTimeout(flush, GATHER_MS);
  }
  tell();
}

/** From here on changes go to the server too, and what it has already is taken over. */
export function keepAtServer(
  known: Record<string, string>,
  sender: (changes: Record<string, string>) => Promise<unknown>,
): void {
  send = sender;
  for (const [name, text] of Object.entries(known)) {
    // What was changed since it was asked is newer.
    if (gathered[name] === undefined) keepText(name, text);
  }
  tell();
}

/** Calls when something of it changes, wherever it came from. */
export function onPersonalChange(listener: () => void): () => void {
  return subscribe(listener);
}

function keepText(name: string, text: string, value?: unknown): void {
  try {
    read.set(name, { text, value: value ?? JSON.parse(text) });
    localStorage.setItem(PREFIX + name, text);
  } catch {
    // A browser that keeps nothing: it is forgotten with the page.
  }
}

function flush(): void {
  const changes = gathered;
  gathered = {};
  // One that could not be sent is in the browser, and goes with the next change of it.
  send?.(changes).catch(() => undefined);
}

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

if (typeof window !== "undefined") {
  // Another page of this browser.
  window.addEventListener("storage", tell);
  window.addEventListener("pagehide", () => {
    if (Object.keys(gathered).length) flush();
  });
}

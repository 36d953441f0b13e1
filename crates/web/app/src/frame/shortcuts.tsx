import { useEffect, useRef } from "react";
import { usePlace } from "../state/url";
import { Link } from "./Link";

/** What keys do on a page: key to what it is called and what it does. */
export type Shortcuts = Record<string, { what: string; run: () => void }>;

const pages = new Map<symbol, Shortcuts>();
let openHelp: (() => void) | undefined;

/** Keys for as long as the component is there. A sequence such as `g r` is written with a space. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const id = useRef(Symbol("shortcuts"));
  useEffect(() => {
    pages.set(id.current, shortcuts);
  });
  useEffect(() => {
    const mine = id.current;
    return () => {
      pages.delete(mine);
    };
  }, []);
}

/** What can be done now, by its keys. */
export function actions(): { keys: string; what: string; run: () => void }[] {
  return [...pages.values()]
    .reverse()
    .flatMap((shortcuts) => Object.entries(shortcuts).map(([keys, { what, run }]) => ({ keys, what, run })));
}

let prefix = "";
let prefixAt = 0;

function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  // A button in a dialog that was closed keeps the focus until the next frame.
  if (target.closest("input, textarea, select, dialog[open], [contenteditable]")) return;
  if (event.key === "?") {
    openHelp?.();
    return;
  }
  // Keys of buttons and links stay theirs.
  if ((event.key === "Enter" || event.key === " ") && target.closest("button, a, summary")) return;
  const sequence = prefix && Date.now() - prefixAt < 1000 ? `${prefix} ${event.key}` : event.key;
  prefix = "";
  for (const shortcuts of [...pages.values()].reverse()) {
    const found = shortcuts[sequence] ?? shortcuts[event.key];
    if (found) {
      event.preventDefault();
      found.run();
      return;
    }
    if (Object.keys(shortcuts).some((keys) => keys.startsWith(`${event.key} `))) {
      prefix = event.key;
      prefixAt = Date.now();
    }
  }
}

/** The list of the keys that do something now, opened by `?`. */
export function ShortcutHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDListElement>(null);
  useEffect(() => {
    window.addEventListener("keydown", onKey);
    openHelp = () => {
      list.current?.replaceChildren(...entries());
      dialog.current?.showModal();
    };
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const { path } = usePlace();
  useEffect(() => {
    if (path) dialog.current?.close();
  }, [path]);
  return (
    <dialog ref={dialog} aria-labelledby="shortcuts-title" className="shortcuts">
      <h2 id="shortcuts-title">Keys</h2>
      <dl ref={list} />
      <form method="dialog">
        <Link to="/reference">All calls of the contract</Link>
        <button type="submit" className="button">
          Close
        </button>
      </form>
    </dialog>
  );
}

function* entries(): Generator<HTMLElement> {
  for (const shortcuts of pages.values()) {
    for (const [keys, { what }] of Object.entries(shortcuts)) {
      const term = document.createElement("dt");
      for (const key of keys.split(" ")) {
        const cap = document.createElement("kbd");
        cap.textContent = key;
        term.append(cap);
      }
      const meaning = document.createElement("dd");
      meaning.textContent = what;
      yield term;
      yield meaning;
    }
  }
}

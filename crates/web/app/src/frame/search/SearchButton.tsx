import { useEffect, useState } from "react";
import { onDemand } from "../../design/onDemand";

const Search = onDemand(() => import("./Search"));

const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Opens the search, by a press or by ⌘K wherever the focus is. */
export function SearchButton() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.altKey) return;
      event.preventDefault();
      setOpen((before) => !before);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <button
        type="button"
        className="button find"
        onClick={() => setOpen(true)}
        aria-keyshortcuts="Meta+K Control+K"
      >
        Search <kbd>{MAC ? "⌘ K" : "Ctrl K"}</kbd>
      </button>
      {open && <Search onClose={() => setOpen(false)} />}
    </>
  );
}

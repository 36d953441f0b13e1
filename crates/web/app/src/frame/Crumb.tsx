import { type ReactNode, useEffect, useState } from "react";
import { createPortal } from "react-dom";
import { noteVisit } from "./search/recent";

/** What a page adds to the way that leads to it. */
export function Crumb({ children }: { children: ReactNode }) {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useEffect(() => setPlace(document.getElementById("crumb")), []);
  return place && createPortal(children, place);
}

/** The title of the browser's tab. */
export function useTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Herdbook` : "Herdbook";
    if (title) noteVisit(title);
  }, [title]);
}

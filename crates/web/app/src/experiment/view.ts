import { useMemo } from "react";
import { HUES, type Series } from "../charts/colours";
import { listOf, listText, setQuery, usePlace } from "../state/url";

/** What the address says of an experiment's page. */
export interface View {
  filter: string;
  order: string;
  groupBy: string | undefined;
  columns: string[];
  /** How many of the first rows are in the charts. */
  top: number;
  hidden: ReadonlySet<string>;
  /** In the charts though not among the first. */
  added: ReadonlySet<string>;
  pinned: readonly string[];
  colours: ReadonlyMap<string, number>;
  /** Whether the runs that are deleted are shown, instead of the others. */
  deleted: boolean;
}

export const TOPS = [5, 10, 25, 50, 100, 500];
const TOP = 10;

export function useView(): View {
  const { query } = usePlace();
  return useMemo(
    () => ({
      filter: query.get("q") ?? "",
      order: query.get("sort") ?? "",
      groupBy: query.get("group") ?? undefined,
      columns: listOf(query, "cols"),
      top: query.has("top") ? Number(query.get("top")) || 0 : TOP,
      hidden: new Set(listOf(query, "hide")),
      added: new Set(listOf(query, "show")),
      pinned: listOf(query, "pin"),
      colours: coloursOf(query),
      deleted: query.get("deleted") === "1",
    }),
    [query],
  );
}

/** Hues that somebody chose, by run or group. */
export function coloursOf(query: URLSearchParams): Map<string, number> {
  return new Map(
    listOf(query, "colours").map((entry) => {
      const [id = "", hue] = entry.split("=");
      return [id, Number(hue) % HUES || 0];
    }),
  );
}

/** Shows a run in the charts, or takes it out. */
export function toggleShown(view: View, id: string, isShown: boolean): void {
  const without = (ids: Iterable<string>) => [...ids].filter((one) => one !== id);
  setQuery({
    hide: listText(isShown ? [...without(view.hidden), id] : without(view.hidden)),
    show: listText(isShown ? without(view.added) : [...without(view.added), id]),
  });
}

/** Shows these and no others. */
export function showOnly(ids: readonly string[], first: readonly string[]): void {
  setQuery({ hide: listText(first.filter((id) => !ids.includes(id))), show: listText(ids) });
}

export function togglePinned(view: View, id: string): void {
  const pinned = view.pinned.includes(id) ? view.pinned.filter((one) => one !== id) : [...view.pinned, id];
  setQuery({ pin: listText(pinned) });
}

/** The next hue for a run. */
export function recolour(view: View, id: string, { hue }: Series): void {
  const colours = new Map(view.colours);
  colours.set(id, (hue + 1) % HUES);
  setQuery({ colours: listText([...colours].map(([one, hue]) => `${one}=${hue}`)) });
}

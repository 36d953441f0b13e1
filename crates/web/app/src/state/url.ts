import { useSyncExternalStore } from "react";

/**
 * The address is the state of a page: what it shows is read from the path and the query, and changed only by
 * changing them. So a reload, the way back and a link that is passed on show the same.
 */
export interface Place {
  path: string;
  query: URLSearchParams;
}

const listeners = new Set<() => void>();
let place = read();

function read(): Place {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

function changed(): void {
  place = read();
  for (const listener of listeners) listener();
}

window.addEventListener("popstate", changed);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place);
}

/** The workspace that the address names; without one, calls go to the caller's own. */
export function workspace(): string | undefined {
  return place.query.get("workspace") ?? undefined;
}

/** The address of a page, and of a place in it behind `#`, in the workspace of this one. */
export function hrefTo(to: string, query: Record<string, string | undefined> = {}): string {
  const [path = "", within] = to.split("#", 2);
  const all = new URLSearchParams();
  const name = workspace();
  if (name) all.set("workspace", name);
  for (const [key, value] of Object.entries(query)) if (value) all.set(key, value);
  const text = readable(all);
  return `${path}${text && `?${text}`}${within ? `#${within}` : ""}`;
}

export function navigate(href: string, options: { replace?: boolean } = {}): void {
  if (options.replace) window.history.replaceState(null, "", href);
  else window.history.pushState(null, "", href);
  changed();
  if (!options.replace) window.scrollTo(0, 0);
}

/** Changes entries of the query; those without a value go. */
export function setQuery(patch: Record<string, string | undefined>, options: { push?: boolean } = {}): void {
  const query = new URLSearchParams(place.query);
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === "") query.delete(key);
    else query.set(key, value);
  }
  const text = readable(query);
  const href = text ? `${place.path}?${text}` : place.path;
  if (options.push) window.history.pushState(null, "", href);
  else window.history.replaceState(null, "", href);
  changed();
}

/** People read addresses: what needs no escape has none. */
function readable(query: URLSearchParams): string {
  return query.toString().replaceAll("%2F", "/").replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** An entry of the query that is a list. Names may have commas, so each is escaped by itself. */
export function listOf(query: URLSearchParams, key: string): string[] {
  const text = query.get(key);
  return text ? text.split(",").map(decodeURIComponent) : [];
}

export function listText(list: readonly string[]): string | undefined {
  return list.length
    ? list
        .map((entry) =>
          encodeURIComponent(entry).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%3D", "="),
        )
        .join(",")
    : undefined;
}

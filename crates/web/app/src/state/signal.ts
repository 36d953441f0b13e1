import { useSyncExternalStore } from "react";

/** A value that changes too often for a page to be made anew: what depends on it listens by itself. */
export interface Signal<T> {
  get: () => T;
  set: (value: T) => void;
  subscribe: (listener: () => void) => () => void;
}

export function signal<T>(initial: T): Signal<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Part of a signal's value; only a change of that part makes the component anew. */
export function useSignal<T, P>(source: Signal<T>, part: (value: T) => P): P {
  return useSyncExternalStore(source.subscribe, () => part(source.get()));
}

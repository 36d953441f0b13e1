import { useCallback, useState } from "react";

/** What is one person's and not the page's, such as where the splitter stands: kept in the browser. */
export function usePersonal<T>(name: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState(() => readPersonal(name, initial));
  const keep = useCallback(
    (next: T) => {
      setValue(next);
      writePersonal(name, next);
    },
    [name],
  );
  return [value, keep];
}

export function readPersonal<T>(name: string, initial: T): T {
  try {
    const text = localStorage.getItem(`herdbook.${name}`);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}

export function writePersonal(name: string, value: unknown): void {
  try {
    localStorage.setItem(`herdbook.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: it is forgotten with the page.
  }
}

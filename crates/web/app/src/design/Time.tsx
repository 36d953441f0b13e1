import { useSyncExternalStore } from "react";
import { absolute, ago } from "../format/times";

let now = Date.now();
const listeners = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, 1000);

/** The time, a second at a time. */
export function useNow(): number {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => now,
  );
}

/** How long ago something was; the time itself on hovering. */
export function Ago({ time }: { time: number | undefined }) {
  const current = useNow();
  if (time === undefined) return null;
  return (
    <time dateTime={new Date(time).toISOString()} title={absolute(time)}>
      {ago(time, current)}
    </time>
  );
}

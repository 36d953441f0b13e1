import { Code, ConnectError } from "@connectrpc/connect";
import { useSyncExternalStore } from "react";

/** Whether the server answers, for the bar that says so, and for what is asked again when it does. */
export interface Connection {
  /** When the server was last heard of, in milliseconds since 1970. */
  heardAt: number;
  lost: boolean;
  /** Grows whenever the connection is back: what depends on it asks again. */
  epoch: number;
}

const FIRST_TRY_MS = 500;
const LONGEST_WAIT_MS = 5000;

let state: Connection = { heardAt: Date.now(), lost: false, epoch: 0 };
const listeners = new Set<() => void>();

function set(next: Connection): void {
  state = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => state);
}

export function heard(): void {
  // Said often, and shown only when the connection is lost.
  if (!state.lost) state.heardAt = Date.now();
}

/** Notes an error: if it means that nobody answers, tries until somebody does. */
export function noteError(error: unknown): void {
  if (!isLost(error) || state.lost) return;
  set({ ...state, lost: true });
  void heal(FIRST_TRY_MS);
}

/** Whether the server could not be reached, or is on its way down or up. */
export function isLost(error: unknown): boolean {
  const failure = ConnectError.from(error);
  if (failure.code === Code.Unavailable) return true;
  return failure.cause instanceof TypeError;
}

async function heal(wait: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, wait));
  const answered = await fetch("/healthz", { cache: "no-store" }).then(
    (response) => response.ok,
    () => false,
  );
  if (answered) set({ heardAt: Date.now(), lost: false, epoch: state.epoch + 1 });
  else await heal(Math.min(wait * 2, LONGEST_WAIT_MS));
}

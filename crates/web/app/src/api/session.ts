import { useSyncExternalStore } from "react";

/** Whether the server asks for a token. The token itself is in a cookie that scripts cannot read. */
let needed = false;
/** Grows with each sign-in, so that what was refused before is asked again. */
let signIns = 0;
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSignInNeeded(): boolean {
  return useSyncExternalStore(subscribe, () => needed);
}

export function useSignIns(): number {
  return useSyncExternalStore(subscribe, () => signIns);
}

/** A call was refused for want of a good token. */
export function signedOut(): void {
  if (needed) return;
  needed = true;
  tell();
}

/** Signs in; answers why not, in the server's words, if it does not take the token. */
export async function signIn(token: string): Promise<string | undefined> {
  try {
    const response = await fetch("/session", {
      method: "POST",
      headers: { authorization: `Bearer ${token.trim()}` },
    });
    if (!response.ok) return (await response.text()).trim() || `the server answered ${response.status}`;
  } catch {
    return "Herdbook cannot be reached; check that it runs, then try again";
  }
  needed = false;
  signIns += 1;
  tell();
  return undefined;
}

export async function signOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" });
  // Whatever this page holds in memory goes with it.
  window.location.assign("/");
}

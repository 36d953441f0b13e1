import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useRef } from "react";
import { transitions } from "../api/registry";
import { useSignIns } from "../api/session";
import { withSlot } from "../charts/slot";

/** Until a stream that broke is opened again, or, where none may be had, the page asks again. */
const REOPEN_MS = 1500;
/** Changes that come faster are told of together. */
const SETTLE_MS = 300;

/**
 * Calls `onChange` when something of a model changed, or of the whole workspace if it is "": at once by the
 * registry's watch, from the revision on that it last heard of. A page that nobody sees has no stream.
 */
export function useChanges(model: string | undefined, onChange: () => void): void {
  const telling = useRef(onChange);
  telling.current = onChange;
  const signIns = useSignIns();
  useEffect(() => {
    if (model === undefined) return;
    const abort = new AbortController();
    void follow(
      model,
      settled(() => telling.current(), abort.signal),
      abort.signal,
    );
    return () => abort.abort();
  }, [model, signIns]);
}

async function follow(model: string, tell: () => void, signal: AbortSignal): Promise<void> {
  let after: bigint | undefined;
  while (!signal.aborted) {
    await seen(signal);
    const streamed = await withSlot(async () => {
      after = await stream(model, after, tell, untilHidden(signal));
    });
    if (!streamed && !signal.aborted) tell();
    await pause(REOPEN_MS, signal);
  }
}

/** Follows until the stream ends or breaks; answers from which revision on to go on. */
async function stream(
  model: string,
  from: bigint | undefined,
  tell: () => void,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  let after = from;
  try {
    const request = after === undefined ? { model } : { model, afterRevision: after };
    for await (const { event } of transitions.watch(request, { signal })) {
      // What changed between the reading of the page and the opening of its first stream.
      if (event.case === "record" || after === undefined) tell();
      if (event.case === "record") after = event.value.revision;
      else if (event.case === "bookmark") after = event.value;
    }
  } catch (error) {
    // The workspace is behind of what we heard, as after a restored backup.
    if (ConnectError.from(error).code === Code.OutOfRange) return undefined;
    // Anything else is told by the bar where the connection is lost; opened again in any case.
  }
  return after;
}

/** Calls at once, and then again at the end of each pause in which there was more. */
function settled(call: () => void, signal: AbortSignal): () => void {
  let waiting = false;
  let more = false;
  const run = () => {
    if (signal.aborted) return;
    if (waiting) {
      more = true;
      return;
    }
    call();
    waiting = true;
    setTimeout(() => {
      waiting = false;
      if (!more) return;
      more = false;
      run();
    }, SETTLE_MS);
  };
  return run;
}

/** Aborted with `signal`, or as soon as nobody sees the page. */
function untilHidden(signal: AbortSignal): AbortSignal {
  const hidden = new AbortController();
  const look = () => document.visibilityState === "hidden" && hidden.abort();
  const ended = AbortSignal.any([signal, hidden.signal]);
  document.addEventListener("visibilitychange", look, { signal: ended });
  return ended;
}

async function seen(signal: AbortSignal): Promise<void> {
  while (document.visibilityState === "hidden" && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const look = () => resolve();
      document.addEventListener("visibilitychange", look, { once: true, signal });
      signal.addEventListener("abort", look, { once: true });
    });
  }
}

function pause(length: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, length);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

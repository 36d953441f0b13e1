import { useCallback, useEffect, useRef, useState } from "react";
import { isLost, useConnection } from "./connection";
import { useSignIns } from "./session";

/** What a page knows of a question to the server. */
export interface Answer<T> {
  data: T | undefined;
  error: unknown;
  /** The data answers an earlier question, and the present one is under way. */
  stale: boolean;
  reload: () => void;
}

/**
 * Asks the server, again whenever `key` changes, the connection is back, or `every` milliseconds have passed
 * while the page is seen. What was answered before stays until there is something newer. Nothing is asked
 * while `key` is undefined.
 */
export function useAnswer<T>(
  key: string | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
  options: { every?: number | undefined; keep?: boolean } = {},
): Answer<T> {
  const [held, setHeld] = useState<{ key: string; data?: T; error?: unknown }>();
  const [round, setRound] = useState(0);
  const { epoch } = useConnection();
  const signIns = useSignIns();
  const asking = useRef(ask);
  asking.current = ask;
  const every = options.every;
  const underWay = useRef(false);

  useEffect(() => {
    if (key === undefined) return;
    const abort = new AbortController();
    underWay.current = true;
    asking.current(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        underWay.current = false;
        setHeld({ key, data });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        underWay.current = false;
        // A connection that is lost is told by the bar, and heals: what is known stays.
        setHeld((before) => (before && isLost(error) && before.data !== undefined ? before : { key, error }));
      },
    );
    return () => abort.abort();
  }, [key, round, epoch, signIns]);

  useEffect(() => {
    if (!every || key === undefined) return;
    const timer = setInterval(() => {
      // A server that takes longer than this is not asked again before it has answered.
      if (document.visibilityState === "visible" && !underWay.current) setRound((before) => before + 1);
    }, every);
    return () => clearInterval(timer);
  }, [every, key]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const current = held?.key === key;
  const usable = current || options.keep !== false;
  return {
    data: usable ? held?.data : undefined,
    error: current ? held?.error : undefined,
    stale: !current,
    reload,
  };
}

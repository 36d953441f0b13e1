import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { isLost } from "../api/connection";
import { models } from "../api/registry";
import type { Model } from "../generated/herdbook/registry/v1/model_pb";

export const PAGE = 500;
/** Of longer lists a change patches what it changed; shorter ones are read again. */
const REREAD = 2 * PAGE;
/** The models that changed last, among which those of a change are. */
const CHANGED = 50;

interface Held {
  key: string;
  models: Model[];
  next: string;
  total: number;
}

export interface Models {
  models: readonly Model[];
  /** How many the filter finds; unknown before the first answer. */
  total: number | undefined;
  /** What is shown answers an earlier filter or order. */
  stale: boolean;
  error: unknown;
  /** Says how far somebody looks: what is missing up to there is read, page after page. */
  need: (index: number) => void;
  /** Reads what changed. */
  changed: () => void;
  reload: () => void;
}

/** The models that a filter finds, in an order, as far as they were looked at. */
export function useModels(filter: string, order: string, epoch: number): Models {
  const key = `${filter}\n${order}`;
  const [held, setHeld] = useState<Held>();
  const [error, setError] = useState<{ key: string; error: unknown }>();
  const [round, setRound] = useState(0);
  const wanted = useRef(0);
  const reading = useRef<AbortController>(undefined);
  const latest = useRef<Held>(undefined);
  const orderBy = useMemo(() => (order ? [order] : []), [order]);

  /** Reads pages one after another until as many models are there as are wanted. */
  const read = useCallback(
    async (from: Held | undefined) => {
      reading.current?.abort();
      const abort = new AbortController();
      reading.current = abort;
      let next = from ?? { key, models: [], next: "", total: 0 };
      let first = from === undefined;
      try {
        while (first || (next.next !== "" && next.models.length <= wanted.current)) {
          const page = await models.searchModels(
            { filter, orderBy, pageSize: PAGE, pageToken: next.next, count: first },
            { signal: abort.signal },
          );
          if (abort.signal.aborted) return;
          next = {
            key,
            models: [...next.models, ...page.models],
            next: page.nextPageToken,
            total: first ? Number(page.total ?? 0n) : next.total,
          };
          first = false;
          latest.current = next;
          setHeld(next);
          setError(undefined);
        }
      } catch (failure) {
        if (abort.signal.aborted) return;
        // The bar tells of a lost connection, and what is known stays.
        if (!isLost(failure) || latest.current === undefined) setError({ key, error: failure });
      } finally {
        if (reading.current === abort) reading.current = undefined;
      }
    },
    [key, filter, orderBy],
  );

  useEffect(() => {
    wanted.current = 0;
    void read(undefined);
    return () => reading.current?.abort();
  }, [read, round, epoch]);

  const need = useCallback(
    (index: number) => {
      wanted.current = Math.max(wanted.current, index);
      const known = latest.current;
      if (known?.key === key && known.next !== "" && index >= known.models.length && !reading.current)
        void read(known);
    },
    [key, read],
  );

  const changed = useCallback(() => {
    const known = latest.current;
    if (!known || known.models.length <= REREAD) {
      if (known && known.key === key) wanted.current = known.models.length - 1;
      void read(undefined);
      return;
    }
    void models.searchModels({ filter, orderBy: ["updated_at desc"], pageSize: CHANGED, count: true }).then(
      (page) => {
        const fresh = new Map(page.models.map((model) => [model.name, model]));
        const now = latest.current;
        if (now?.key !== key) return;
        const patched = now.models.map((model) => fresh.get(model.name) ?? model);
        latest.current = { ...now, models: patched, total: Number(page.total ?? now.total) };
        setHeld(latest.current);
      },
      // Told by the bar where the connection is lost; the next change asks again.
      () => undefined,
    );
  }, [key, filter, read]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const current = held?.key === key;
  return {
    models: held?.models ?? [],
    total: held?.total,
    stale: held !== undefined && !current,
    error: error?.key === key ? error.error : undefined,
    need,
    changed,
    reload,
  };
}

/** How many models a filter finds. */
export async function countModels(filter: string, signal: AbortSignal): Promise<number> {
  const page = await models.searchModels({ filter, pageSize: 1, count: true }, { signal });
  return Number(page.total ?? 0n);
}

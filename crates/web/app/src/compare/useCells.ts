import { useCallback, useEffect, useRef, useState } from "react";
import { runs as service } from "../api/clients";
import type { Scope } from "../api/fields";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { cellOf, columnOf, type Value } from "../table/columns";

/** What runs have of fields, by the id of the run; asked for field by field, as they are seen. */
export interface Cells {
  /** Of a field; undefined until it is known. */
  of: (field: string) => ReadonlyMap<string, Value> | undefined;
  /** Asks for fields that are not known yet. */
  want: (fields: readonly string[]) => void;
  /** All of some fields, those that are not known read now. */
  read: (fields: readonly string[]) => Promise<Columns>;
}

type Columns = ReadonlyMap<string, ReadonlyMap<string, Value>>;

/** Fields of one call: what a page of many runs is light with. */
const TOGETHER = 40;
const SETTLE_MS = 20;

/** The cells of the first `most` runs of a scope in an order; `round` counts up when they may have changed. */
export function useCells(scope: Scope, order: string, most: number, round: number): Cells {
  const key = `${scope.experimentIds} ${scope.filter} ${order} ${most}`;
  const [known, setKnown] = useState<{ key: string; cells: Columns }>({
    key,
    cells: new Map(),
  });
  const wanted = useRef(new Set<string>());
  const asked = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const abort = useRef(new AbortController());

  const columnsOf = useCallback(
    async (fields: readonly string[], signal: AbortSignal): Promise<Columns> => {
      const question = {
        experimentIds: [...scope.experimentIds],
        filter: scope.filter,
        orderBy: order ? [order] : [],
        columns: [...fields],
        pageSize: most,
      };
      const { runs } = await service.searchRuns(question, { signal });
      return new Map(fields.map((field) => [field, columnValues(runs, field)]));
    },
    [key],
  );

  const ask = useCallback(async () => {
    const missing = [...wanted.current].filter((field) => !asked.current.has(field));
    for (const field of missing) asked.current.add(field);
    const { signal } = abort.current;
    for (let at = 0; at < missing.length; at += TOGETHER) {
      const fields = missing.slice(at, at + TOGETHER);
      try {
        const read = await columnsOf(fields, signal);
        if (signal.aborted) return;
        setKnown((before) => ({
          key,
          cells: new Map([...(before.key === key ? before.cells : []), ...read]),
        }));
      } catch {
        // Asked for again when it is wanted next; the page tells of what is wrong with the question.
        for (const field of fields) asked.current.delete(field);
        return;
      }
    }
  }, [key, columnsOf]);

  useEffect(() => {
    abort.current = new AbortController();
    asked.current = new Set();
    void ask();
    return () => abort.current.abort();
  }, [ask, round]);

  const want = useCallback(
    (fields: readonly string[]) => {
      const before = wanted.current.size;
      for (const field of fields) wanted.current.add(field);
      if (wanted.current.size === before && fields.every((field) => asked.current.has(field))) return;
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void ask(), SETTLE_MS);
    },
    [ask],
  );
  const of = useCallback(
    (field: string) => (known.key === key ? known.cells.get(field) : undefined),
    [known, key],
  );
  const read = useCallback(
    async (fields: readonly string[]) => {
      const cells = new Map(known.key === key ? known.cells : []);
      const missing = fields.filter((field) => !cells.has(field));
      for (let at = 0; at < missing.length; at += TOGETHER) {
        const some = await columnsOf(missing.slice(at, at + TOGETHER), abort.current.signal);
        for (const [field, values] of some) cells.set(field, values);
      }
      return cells;
    },
    [known, key, columnsOf],
  );
  return { of, want, read };
}

function columnValues(runs: readonly Run[], field: string): Map<string, Value> {
  const column = columnOf(field);
  return new Map(
    runs.flatMap((run) => {
      const value = cellOf(run, column, 0);
      return value === undefined ? [] : [[run.id, value] as const];
    }),
  );
}

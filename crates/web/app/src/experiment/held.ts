import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** What is known of the answer to a question about runs. */
export interface Held {
  /** The question. */
  key: string;
  /** The runs from the first on. */
  rows: Run[];
  total: number | undefined;
  /** The token of the page after the rows; undefined after the last. */
  next: string | undefined;
  error: unknown;
}

/** The rows with a first page that was read anew: what is new comes first, what follows stays. */
export function merged(before: Held, key: string, first: Run[], total: number, next: string): Held {
  const fresh: Held = { key, rows: first, total, next: next || undefined, error: undefined };
  if (before.key !== key || before.rows.length <= first.length) return fresh;
  const ids = new Set(first.map((run) => run.id));
  const lastRead = before.rows.findLastIndex((run) => ids.has(run.id));
  const rest = before.rows.slice(lastRead + 1);
  return { ...fresh, rows: [...first, ...rest].slice(0, total), next: before.next };
}

import { create } from "@bufbuild/protobuf";

import { type MetricBatch, MetricBatchSchema } from "./proto/herdbook/tracking/v1/metric_pb.js";

/** Columns of a batch, as the server limits them. */
export const BATCH_COLUMNS = 10_000;

/** Rows that have the same metrics. */
interface Rows {
  keys: string[];
  steps: bigint[];
  timesUs: bigint[];
  /** Row after row. */
  values: number[];
}

/** A batch that is being filled. */
export class Gathering {
  points = 0;
  #columns = 0;
  #tables: Rows[] = [];
  /** Of all keys of the writer. */
  readonly #numbers = new Map<string, number>();

  fits(metrics: number, points: number): boolean {
    return this.points === 0 || (this.points + metrics <= points && this.#columns + metrics <= BATCH_COLUMNS);
  }

  add(step: bigint, timeUs: bigint, metrics: Readonly<Record<string, number>>): void {
    const keys = Object.keys(metrics);
    // The last table if it is of the same metrics: points of a metric stay in their order.
    let table = this.#tables.at(-1);
    if (table?.keys.length !== keys.length || !table.keys.every((key) => Object.hasOwn(metrics, key))) {
      table = { keys, steps: [], timesUs: [], values: [] };
      this.#tables.push(table);
      this.#columns += keys.length;
    }
    table.steps.push(step);
    table.timesUs.push(timeUs);
    for (const key of table.keys) table.values.push(metrics[key] ?? Number.NaN);
    this.points += keys.length;
  }

  /** The batch as it travels; the next one starts empty. It has its keys with it, so that it can be sent first on any stream. */
  take(sequence: bigint): MetricBatch {
    const keys: Record<number, string> = {};
    const tables = this.#tables.map((rows) => ({
      keys: rows.keys.map((key) => {
        const number = this.#numbers.get(key) ?? this.#numbers.size;
        this.#numbers.set(key, number);
        keys[number] = key;
        return number;
      }),
      firstStep: rows.steps[0],
      stepDeltas: deltas(rows.steps),
      firstTimeUs: rows.timesUs[0],
      timeDeltasUs: deltas(rows.timesUs),
      values: rows.keys.flatMap((_, column) =>
        rows.steps.map((_, row) => rows.values[row * rows.keys.length + column] ?? Number.NaN),
      ),
    }));
    this.points = this.#columns = 0;
    this.#tables = [];
    return create(MetricBatchSchema, { writer: 1, sequence, keys, tables });
  }
}

/** One alone if all are the same. */
function deltas(column: readonly bigint[]): bigint[] {
  const deltas = column.slice(1).map((value, row) => value - (column[row] ?? 0n));
  return deltas.every((delta) => delta === deltas[0]) ? deltas.slice(0, 1) : deltas;
}

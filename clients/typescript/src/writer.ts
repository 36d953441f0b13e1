import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";

import { asError } from "./errors.js";
import { BATCH_COLUMNS, Gathering } from "./gathering.js";
import {
  type LogMetricsRequest,
  LogMetricsRequestSchema,
  type LogMetricsResponse,
  type MetricBatch,
  MetricBatchSchema,
  type MetricService,
} from "./proto/herdbook/tracking/v1/metric_pb.js";
import { waitMs } from "./retry.js";

/** What may be a defect of the server, and is taken for one after so many in a row. */
const DOUBTFUL = [Code.Internal, Code.Unknown, Code.ResourceExhausted, Code.DataLoss];
const DOUBTS = 12;

/** Options of a {@link MetricWriter}. */
export interface WriterOptions {
  /**
   * By which the server knows who writes, such as `worker-3`; the host's if not given. Each writer adds letters of its own,
   * so that two of one name do not disturb each other.
   */
  name?: string;
  /** Points that are committed together at most; 8,192 if not given. */
  batchPoints?: number;
  /** After which a batch is sent that is not full, in milliseconds; 100 if not given. */
  intervalMs?: number;
  /** Points that may wait for the server: `log` waits while there are more. A million if not given. */
  bufferPoints?: number;
}

/**
 * Streams metrics of a run, each point exactly once: what the server has not committed when a connection is lost is sent
 * again over the next, from the number that the server names.
 */
export class MetricWriter {
  /** Streams that were opened so far: more than one after lost connections. */
  streams = 0;
  /** Whether somebody asked the run to stop. */
  stopRequested = false;
  readonly #metrics: Client<typeof MetricService>;
  readonly #opening;
  readonly #batchPoints: number;
  readonly #bufferPoints: number;
  readonly #gathering = new Gathering();
  readonly #closing = new AbortController();
  readonly #work: Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #pending: MetricBatch[] = [];
  /** How many of `#pending` were sent on this stream. */
  #sent = 0;
  /** Number of the next batch. */
  #next = 1n;
  /** Points that wait, gathered or pending. */
  #points = 0;
  #failed: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(metrics: Client<typeof MetricService>, runId: string, options: WriterOptions) {
    this.#metrics = metrics;
    this.#batchPoints = options.batchPoints ?? 8192;
    this.#bufferPoints = options.bufferPoints ?? 1_000_000;
    const writerId = `${options.name ?? hostname()}-${randomUUID()}`;
    this.#opening = { writer: 1, runId, writerId, epoch: BigInt(Date.now()) * 1000n };
    this.#timer = setInterval(() => this.#gather(), options.intervalMs ?? 100);
    this.#work = this.#run();
  }

  /**
   * Takes in what was measured at a step, now or at a time. It waits only while too much waits for the server. It throws
   * the error for which the server takes no more of this writer.
   */
  async log(step: number | bigint, metrics: Readonly<Record<string, number>>, at: Date = new Date()): Promise<void> {
    const count = Object.keys(metrics).length;
    if (count === 0) return;
    if (count > BATCH_COLUMNS) {
      throw new RangeError(`${count} metrics in one call; log them in parts of at most ${BATCH_COLUMNS}`);
    }
    while (this.#points >= this.#bufferPoints && !this.#failed) {
      this.#gather();
      await this.#changed.promise;
    }
    if (this.#failed) throw this.#failed;
    if (this.#closing.signal.aborted) throw new Error("the writer is closed; open another to log more");
    if (!this.#gathering.fits(count, this.#batchPoints)) this.#gather();
    this.#gathering.add(BigInt(step), BigInt(at.getTime()) * 1000n, metrics);
    this.#points += count;
  }

  /** Waits until all that was logged before is committed, or for so many milliseconds. */
  async flush(patienceMs = 30_000): Promise<void> {
    this.#gather();
    const target = this.#next;
    const late = AbortSignal.timeout(patienceMs);
    const aborted = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve()));
    while (!this.#failed && (this.#pending[0]?.sequence ?? target) < target) {
      if (late.aborted) throw new Error(`${this.#points} points still wait for the server`);
      await Promise.race([this.#changed.promise, aborted]);
    }
    if (this.#failed) throw this.#failed;
  }

  /** Flushes and ends the writer. */
  async close(patienceMs = 30_000): Promise<void> {
    try {
      await this.flush(patienceMs);
    } finally {
      clearInterval(this.#timer);
      this.#closing.abort();
      this.#notify();
      await this.#work;
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Gives what was gathered a number. */
  #gather(): void {
    if (this.#gathering.points === 0) return;
    this.#pending.push(this.#gathering.take(this.#next++));
    this.#notify();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    let doubts = 0;
    while (!signal.aborted) {
      const stream = new AbortController();
      const committed = () => this.#next - BigInt(this.#pending.length);
      const before = committed();
      try {
        const ends = AbortSignal.any([signal, stream.signal]);
        for await (const answer of this.#metrics.logMetrics(this.#requests(ends), { signal: ends })) this.#hear(answer);
        throw new ConnectError("the server ended the stream", Code.Unavailable);
      } catch (caught) {
        if (signal.aborted) return;
        const error = asError(caught);
        if (committed() > before) failures = doubts = 0;
        if (DOUBTFUL.includes(error.code)) doubts++;
        else if (!error.passes) doubts = DOUBTS;
        if (doubts >= DOUBTS) {
          clearInterval(this.#timer);
          this.#failed = error;
          this.#notify();
          return;
        }
        await sleep(waitMs(error, failures++), undefined, { signal }).catch(() => undefined);
      } finally {
        stream.abort();
      }
    }
  }

  /** What is sent on one stream. Batches follow once the server has said which it has. */
  async *#requests(ends: AbortSignal): AsyncGenerator<LogMetricsRequest> {
    ends.addEventListener("abort", () => this.#notify());
    const opened = this.streams;
    yield create(LogMetricsRequestSchema, { message: { case: "open", value: this.#opening } });
    while (!ends.aborted) {
      const batch = this.streams > opened ? this.#pending[this.#sent] : undefined;
      if (batch) {
        this.#sent++;
        yield create(LogMetricsRequestSchema, { message: { case: "batch", value: batch } });
      } else {
        await this.#changed.promise;
      }
    }
  }

  #hear({ message }: LogMetricsResponse): void {
    switch (message.case) {
      case "opened":
        this.streams++;
        this.#sent = 0;
        this.#commit(message.value.sequence);
        this.#fill(message.value.sequence + 1n);
        this.stopRequested = message.value.stopRequested;
        break;
      case "committed":
        this.#commit(message.value.sequence);
        this.stopRequested = message.value.stopRequested;
        break;
      case "refused":
        throw new ConnectError(`${message.value.reason}: ${message.value.message}`, message.value.code);
    }
    this.#notify();
  }

  #commit(sequence: bigint): void {
    for (let first = this.#pending[0]; first && first.sequence <= sequence; first = this.#pending[0]) {
      for (const table of first.tables) this.#points -= table.values.length;
      this.#pending.shift();
      this.#sent = Math.max(this.#sent - 1, 0);
    }
  }

  /** Puts empty batches where a server that was put back in time has none, so that those behind it can follow. */
  #fill(expected: bigint): void {
    for (let missing = this.#pending[0]?.sequence ?? this.#next; missing > expected; missing--) {
      this.#pending.unshift(create(MetricBatchSchema, { writer: 1, sequence: missing - 1n }));
    }
  }
}

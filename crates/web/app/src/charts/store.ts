import { metrics } from "../api/clients";
import { isLost } from "../api/connection";
import { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { append, axisUnit, emptyLine, type Line, lineOf, lineOfBand, type Spread } from "./line";
import { withSlot } from "./slot";

/** What the charts of a page show. */
export interface Subject {
  /** The runs, or none where there are groups. */
  runIds: readonly string[];
  /** Groups of runs, each drawn as a mean with a band. */
  groups?: readonly { name: string; runIds: readonly string[] }[] | undefined;
  /** Those of the runs that are still at work. */
  running: readonly string[];
  axis: CurveAxis;
  /** The part of the x axis that is looked at, in the units of the axis; all of it if absent. */
  range?: readonly [number, number] | undefined;
  /** Buckets a curve: as many as a chart has pixels. */
  buckets: number;
  /** What a band about the mean of a group spans; its deviation, if that is not said. */
  spread?: Spread;
}

/** Points of a run as they come. */
interface Told {
  runId: string;
  key: string;
  xs: readonly number[];
  values: readonly number[];
}

/** What one call of the server takes. */
const KEYS_A_CALL = 100;
const WATCHED = 100;
/** Until a stream that broke is opened again, or, where none may be had, the curves are read again. */
const REOPEN_MS = 1500;
/** Panels come into sight and go in bursts. */
const SETTLE_MS = 30;

/**
 * The lines of all charts of a page. Panels that are seen say which metrics they want, and everything that is
 * wanted and not known is asked for in one call. One stream follows the runs that are at work.
 */
export class CurveStore {
  /** Lines by metric, then by run or group. */
  readonly lines = new Map<string, Map<string, Line>>();
  /** Grows with each change, for those who draw. */
  version = 0;
  error: unknown;
  private subject: Subject = {
    runIds: [],
    running: [],
    axis: CurveAxis.STEP,
    buckets: 320,
    spread: "deviation",
  };
  private readonly wanted = new Map<symbol, readonly string[]>();
  private readonly fresh = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private asking = new AbortController();
  /** What came while curves are asked for: their answer may be from before it. */
  private meanwhile: Told[] | undefined;
  private watching: AbortController | undefined;
  private watched = "";
  private settling: ReturnType<typeof setTimeout> | undefined;
  /** Whether anything was asked for: what is asked for first does not wait. */
  private begun = false;
  /** Whether it is about to be, once all panels have said what they want. */
  private beginning = false;

  constructor() {
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Shows something else. What is known of it stays; the rest is asked for. */
  show(subject: Subject): void {
    const before = this.subject;
    this.subject = subject;
    const same =
      before.axis === subject.axis &&
      before.buckets === subject.buckets &&
      before.spread === subject.spread &&
      before.range?.join() === subject.range?.join() &&
      Boolean(before.groups) === Boolean(subject.groups);
    if (!same) this.fresh.clear();
    if (before.axis !== subject.axis || Boolean(before.groups) !== Boolean(subject.groups))
      this.lines.clear();
    if (JSON.stringify(before.groups) !== JSON.stringify(subject.groups)) this.fresh.clear();
    this.settle();
  }

  /** Whether any curves were answered. */
  get hasAnswered(): boolean {
    return this.fresh.size > 0;
  }

  /** Says which metrics a panel wants, now that it is seen; none when it is not. */
  want(panel: symbol, keys: readonly string[]): void {
    if (keys.length) this.wanted.set(panel, keys);
    else this.wanted.delete(panel);
    this.settle();
  }

  /** Asks for everything again, as after a lost connection. */
  refresh(): void {
    this.fresh.clear();
    this.watched = "";
    this.settle();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.onVisibility);
    clearTimeout(this.settling);
    this.asking.abort();
    this.watching?.abort();
  }

  /** Lines of some metrics, in the order of the subject. */
  linesOf(keys: readonly string[]): Line[] {
    const ids = this.subject.groups?.map((group) => group.name) ?? this.subject.runIds;
    return ids.flatMap((id) => keys.flatMap((key) => this.lines.get(key)?.get(id) ?? []));
  }

  /** Why there is nothing to draw of what a panel wants. */
  says(keys: readonly string[]): string {
    if ((this.subject.groups ?? this.subject.runIds).length === 0) return "No run is shown";
    return keys.some((key) => this.fresh.has(key)) ? "None of the runs shown has it" : "Reading…";
  }

  private readonly onVisibility = (): void => {
    // Browsers have six connections to a server: a page that nobody sees keeps none.
    if (document.visibilityState === "visible") this.refresh();
    else this.watching?.abort();
  };

  private tell(): void {
    this.version += 1;
    for (const listener of this.listeners) listener();
  }

  private settle(): void {
    const go = () => {
      this.beginning = false;
      void this.ask();
      this.watch();
    };
    clearTimeout(this.settling);
    if (this.begun) {
      this.settling = setTimeout(go, SETTLE_MS);
    } else if (!this.beginning) {
      this.beginning = true;
      queueMicrotask(go);
    }
  }

  private keys(): string[] {
    return [...new Set([...this.wanted.values()].flat())].sort();
  }

  private async ask(): Promise<void> {
    const { runIds, groups, axis, buckets, spread = "deviation" } = this.subject;
    const ids = groups?.map((group) => group.name) ?? runIds;
    const keys = this.keys();
    // Keys of which all is missing, and runs of which keys are missing, are asked for together.
    const isFresh = (id: string, key: string) => this.fresh.has(`${id} ${key}`);
    const missing = keys.filter((key) => ids.some((id) => !isFresh(id, key)));
    const lacking = ids.filter((id) => missing.some((key) => !isFresh(id, key)));
    this.tell();
    if (!missing.length) return;
    this.begun = true;
    this.asking.abort();
    this.asking = new AbortController();
    this.meanwhile = [];
    const { signal } = this.asking;
    try {
      for (let at = 0; at < missing.length; at += KEYS_A_CALL) {
        const some = missing.slice(at, at + KEYS_A_CALL);
        const range = this.range();
        const shared = { keys: some, buckets, axis, ...range };
        const lines = groups
          ? (
              await metrics.getBands(
                {
                  ...shared,
                  groups: groups
                    .filter((group) => lacking.includes(group.name))
                    .map((group) => ({ name: group.name, runIds: [...group.runIds] })),
                },
                { signal },
              )
            ).bands.map((band) => lineOfBand(band, axis, spread))
          : (await metrics.getCurves({ ...shared, runIds: [...lacking] }, { signal })).curves.map((curve) =>
              lineOf(curve, axis),
            );
        this.take(lines, lacking, some);
      }
      this.error = undefined;
    } catch (error) {
      // The bar tells of a lost connection, and what is drawn stays.
      if (!signal.aborted && !isLost(error)) this.error = error;
    }
    // Another question is under way, and what comes meanwhile is kept for it.
    if (signal.aborted) return;
    this.meanwhile = undefined;
    this.tell();
  }

  private take(lines: Line[], ids: readonly string[], keys: readonly string[]): void {
    for (const key of keys) {
      const known = this.lines.get(key) ?? new Map<string, Line>();
      for (const id of ids) {
        known.delete(id);
        this.fresh.add(`${id} ${key}`);
      }
      this.lines.set(key, known);
      this.fresh.add(key);
    }
    for (const line of lines) this.lines.get(line.key)?.set(line.id, line);
    for (const told of this.meanwhile ?? []) this.add(told);
    this.tell();
  }

  private add({ runId, key, xs, values }: Told): void {
    const known = this.lines.get(key) ?? new Map<string, Line>();
    const line = known.get(runId) ?? emptyLine(runId, key);
    append(line, xs, values);
    known.set(runId, line);
    this.lines.set(key, known);
  }

  /** The part that is asked for: a little more than is seen, so that lines go on to the edges. */
  private range(): { minX?: bigint; maxX?: bigint } {
    const { range, axis } = this.subject;
    if (!range) return {};
    const margin = (range[1] - range[0]) * 0.02;
    const unit = axisUnit(axis);
    return {
      minX: BigInt(Math.floor((range[0] - margin) * unit)),
      maxX: BigInt(Math.ceil((range[1] + margin) * unit)),
    };
  }

  private watch(): void {
    const { running, groups, axis } = this.subject;
    const keys = this.keys();
    // Along relative time a point has its place only by the run's first.
    const live = !groups && axis !== CurveAxis.RELATIVE_TIME && document.visibilityState === "visible";
    const runIds = live && keys.length ? running.slice(0, WATCHED) : [];
    const asked = `${runIds.join()} ${keys.join()} ${axis}`;
    if (asked === this.watched) return;
    this.watched = asked;
    this.watching?.abort();
    this.watching = undefined;
    if (runIds.length) void this.follow(runIds, keys, asked);
  }

  private async follow(runIds: readonly string[], keys: readonly string[], asked: string): Promise<void> {
    const abort = new AbortController();
    this.watching = abort;
    const unit = axisUnit(this.subject.axis);
    const byTime = this.subject.axis === CurveAxis.WALL_TIME;
    const streamed = await withSlot(() => this.stream(runIds, keys, abort.signal, unit, byTime));
    if (abort.signal.aborted) return;
    if (!streamed) this.again(runIds);
    setTimeout(() => {
      if (this.watched !== asked || this.watching !== abort) return;
      this.watched = "";
      this.settle();
    }, REOPEN_MS);
  }

  /** Takes points as they come, until the stream ends or breaks. */
  private async stream(
    runIds: readonly string[],
    keys: readonly string[],
    signal: AbortSignal,
    unit: number,
    byTime: boolean,
  ): Promise<void> {
    try {
      const stream = metrics.watchMetrics(
        { runs: runIds.map((runId) => ({ runId })), keys: [...keys] },
        { signal },
      );
      let opened = false;
      for await (const { runId, points } of stream) {
        if (!opened) {
          opened = true;
          // What was logged between the reading of the curves and the opening of this stream.
          this.again(runIds);
        }
        if (!points) continue;
        const xs = (byTime ? points.timesUs : points.steps).map((x) => Number(x) / unit);
        const told = { runId, key: points.key, xs, values: points.values };
        this.meanwhile?.push(told);
        this.add(told);
        this.tell();
      }
    } catch {
      // Told by the bar where the connection is lost; opened again in any case.
    }
  }

  private again(runIds: readonly string[]): void {
    const ids = new Set(runIds);
    for (const entry of [...this.fresh]) if (ids.has(entry.split(" ", 1)[0] ?? "")) this.fresh.delete(entry);
    clearTimeout(this.settling);
    void this.ask();
  }
}

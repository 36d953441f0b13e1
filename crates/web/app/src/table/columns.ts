import { millis } from "../format/times";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { RunStatus } from "../generated/herdbook/tracking/v1/run_pb";

/** What a column shows of a run. */
export type Kind = "metric" | "param" | "tag" | "attribute";

export interface Column {
  /** As filters, orders and the server's `columns` name it. */
  field: string;
  kind: Kind;
  /** The key without the kind, such as `loss.max`. */
  label: string;
  width: number;
  /** For the value of a metric at a step: the step. */
  step?: bigint;
}

/** A cell: what is shown, and what is compared and copied. */
export type Value = number | string | undefined;

/** A metric at a step, such as `metrics.loss@1000`. Keys with such a sign stand in quotes. */
const STEP = /@(-?\d{1,18})$/;
const PLAIN = /^[A-Za-z0-9_./-]+$/;

/** How the grammar of filters writes a field. */
export function fieldOf(kind: "metrics" | "params" | "tags", key: string): string {
  return PLAIN.test(key) ? `${kind}.${key}` : `${kind}."${key.replaceAll('"', '""')}"`;
}

/** The kind and the key of a field. */
export function keyOf(field: string): { kind: Kind; key: string } {
  const dot = field.indexOf(".");
  const kind = { metrics: "metric", params: "param", tags: "tag" }[field.slice(0, dot)] as Kind | undefined;
  const rest = field.slice(dot + 1);
  const quoted = /^["`](.*)["`](\.min|\.max|@-?\d+)?$/.exec(rest);
  const key = quoted ? `${(quoted[1] ?? "").replaceAll('""', '"')}${quoted[2] ?? ""}` : rest;
  return { kind: kind ?? "attribute", key };
}

const ATTRIBUTES: Record<string, string> = {
  started_at: "started",
  duration: "duration",
  user: "user",
  run_id: "id",
};

export function columnOf(field: string): Column {
  const { kind, key } = keyOf(field);
  const label = kind === "attribute" ? (ATTRIBUTES[key] ?? key) : key;
  const step = kind === "metric" ? STEP.exec(field)?.[1] : undefined;
  // As wide as its name, within reason; a sorted column has an arrow too.
  const width = Math.min(152, Math.max(72, 28 + label.length * 7));
  return { field, kind, label, width, ...(step !== undefined && { step: BigInt(step) }) };
}

/** What the server is asked for, for a column: a duration is made of two times. */
export function askedFor(fields: readonly string[]): string[] {
  const always = ["attributes.name", "attributes.status", "attributes.started_at", "attributes.ended_at"];
  const rest = fields.filter(
    (field) => field !== "attributes.duration" && field !== "attributes.run_id" && !STEP.test(field),
  );
  return [...new Set([...always, ...rest])];
}

/** Whether the server can order by a column. */
export function isSortable(field: string): boolean {
  return field !== "attributes.duration" && !STEP.test(field);
}

/** What a run has in a column. */
export function cellOf(run: Run, column: Column, now: number): Value {
  switch (column.kind) {
    case "param":
      return run.params[column.label];
    case "tag":
      return run.tags[column.label];
    case "metric":
      return metricOf(run, column.label);
    case "attribute":
      return attributeOf(run, column.field, now);
  }
}

function metricOf(run: Run, key: string): number | undefined {
  const whole = run.metrics.find((metric) => metric.key === key);
  if (whole) return whole.latest;
  const extreme = /^(.*)\.(min|max)$/.exec(key);
  const summary = extreme && run.metrics.find((metric) => metric.key === extreme[1]);
  return summary ? (extreme?.[2] === "min" ? summary.min : summary.max) : undefined;
}

function attributeOf(run: Run, field: string, now: number): Value {
  switch (field) {
    case "attributes.started_at":
      return millis(run.startedAt);
    case "attributes.duration":
      return durationOf(run, now);
    case "attributes.user":
      return run.user;
    case "attributes.run_id":
      return run.id;
    default:
      return undefined;
  }
}

/** How long a run took, or has taken until now. */
export function durationOf(run: Run, now: number): number | undefined {
  const start = millis(run.startedAt);
  if (start === undefined) return undefined;
  const end = millis(run.endedAt) ?? (run.status === RunStatus.RUNNING ? now : undefined);
  return end === undefined ? undefined : end - start;
}

/** What runs have, by kind. */
export interface Fields {
  metrics: string[];
  params: string[];
  tags: string[];
  /** What stands without the name of a group before it, in place of the attributes of runs. */
  attributes?: readonly string[];
}

const DEFAULT_METRICS = 3;
const DEFAULT_PARAMS = 2;

/** Whether a metric was measured on other data than that of training, by its name. */
export function isHeldOut(key: string): boolean {
  return /(^|[/_.])(val|valid|validation|eval|dev|test)([/_.]|$)/i.test(key);
}

/**
 * The columns of a table that nobody has chosen any for: what was measured on data that was not trained on,
 * and the params in which runs differ.
 */
export function defaultColumns(fields: Fields, differs: (field: string) => boolean): string[] {
  const rank = (key: string) => (key.startsWith("system") ? 2 : 0) + (isHeldOut(key) ? 0 : 1);
  const metrics = [...fields.metrics].sort((a, b) => rank(a) - rank(b));
  const params = fields.params.map((key) => fieldOf("params", key));
  params.sort((a, b) => Number(differs(b)) - Number(differs(a)));
  return [
    ...metrics.slice(0, DEFAULT_METRICS).map((key) => fieldOf("metrics", key)),
    ...params.slice(0, DEFAULT_PARAMS),
    "attributes.started_at",
    "attributes.duration",
  ];
}

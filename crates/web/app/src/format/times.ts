import type { Timestamp } from "@bufbuild/protobuf/wkt";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// Made once: that takes far longer than to write a time with them.
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const SHORT = new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "medium" });

/** Milliseconds since 1970; `undefined` for an absent time. */
export function millis(time: Timestamp | undefined): number | undefined {
  return time && Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** How long ago, in one unit. */
export function ago(then: number, now: number): string {
  const passed = now - then;
  if (passed < 5 * SECOND) return "just now";
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)} s ago`;
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min ago`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h ago`;
  if (passed < 30 * DAY) return `${Math.floor(passed / DAY)} d ago`;
  return DATE.format(then);
}

/** The time whole, with the zone it is told in. */
export function absolute(then: number): string {
  return WHOLE.format(then);
}

/** The time as axes have it. */
export function onAxis(then: number): string {
  return SHORT.format(then);
}

/** 2 h 41 m */
export function duration(length: number): string {
  if (length < SECOND) return `${Math.max(0, Math.round(length))} ms`;
  if (length < MINUTE) return `${(length / SECOND).toFixed(length < 10 * SECOND ? 1 : 0)} s`;
  if (length < HOUR) return two(length, MINUTE, "m", SECOND, "s");
  if (length < DAY) return two(length, HOUR, "h", MINUTE, "m");
  return two(length, DAY, "d", HOUR, "h");
}

function two(length: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const whole = Math.floor(length / large);
  const rest = Math.floor((length % large) / small);
  return rest ? `${whole} ${largeUnit} ${rest} ${smallUnit}` : `${whole} ${largeUnit}`;
}

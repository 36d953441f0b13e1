import { short } from "../format/numbers";
import type { Value } from "../table/columns";

/** Where values lie along an axis. */
export interface Scale {
  kind: "linear" | "log" | "category";
  /** From 0 to 1; undefined for what has no place. */
  place: (value: Value) => number | undefined;
  ticks: { at: number; text: string }[];
  /** The values that a part of the axis stands for, in words. */
  words: (from: number, to: number) => string;
}

/** Positive numbers that span more than this are told apart by their order of magnitude. */
const LOG_SPAN = 50;
const TICKS = 5;
/** Of more categories, some go without a name. */
const NAMED = 12;

/** A scale for the values there are: of numbers if all are numbers, by order of magnitude where they span several. */
export function scaleOf(values: readonly Value[]): Scale {
  const present = values.filter((value) => value !== undefined);
  const numbers = present.map(numberOf);
  if (present.length && numbers.every((number) => number !== undefined)) {
    const finite = (numbers as number[]).filter(Number.isFinite);
    if (finite.length) return numeric([...new Set(finite)].sort((a, b) => a - b));
  }
  return categories([...new Set(present.map(String))].sort(natural));
}

/** A value as a number, also where it is a text that reads as one. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (value === undefined || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** Numbers in their order, each once. */
function numeric(numbers: readonly number[]): Scale {
  const [low, high] = [numbers[0] ?? 0, numbers.at(-1) ?? 0];
  const log = low > 0 && high / low > LOG_SPAN;
  const [from, to] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const span = to - from;
  const place = (value: Value) => {
    const number = numberOf(value);
    if (number === undefined || !Number.isFinite(number)) return undefined;
    return span === 0 ? 0.5 : ((log ? Math.log10(number) : number) - from) / span;
  };
  const valueAt = (at: number) => (log ? 10 ** (from + at * span) : from + at * span);
  const steps = Array.from({ length: TICKS }, (_, index) => {
    const at = index / (TICKS - 1);
    return { at, text: short(Number(valueAt(at).toPrecision(3))) };
  });
  // A few values, such as those of a sweep, are named as they are.
  const few = numbers.map((number) => ({ at: place(number) ?? 0, text: short(number) }));
  return {
    kind: log ? "log" : "linear",
    place,
    ticks: numbers.length <= TICKS ? few : steps,
    words: (a, b) => `${short(valueAt(a))} to ${short(valueAt(b))}`,
  };
}

function categories(names: readonly string[]): Scale {
  const places = new Map(names.map((name, index) => [name, (index + 0.5) / names.length]));
  const step = Math.ceil(names.length / NAMED);
  const named = [...places].filter((_, index) => index % step === 0);
  return {
    kind: "category",
    place: (value) => (value === undefined ? undefined : places.get(String(value))),
    ticks: named.map(([text, at]) => ({ at, text })),
    words: (a, b) =>
      [...places]
        .filter(([, at]) => at >= a && at <= b)
        .map(([name]) => name)
        .join(", "),
  };
}

function natural(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

import { loadavg } from "node:os";

/** What people wait for at most. */
export interface Goal {
  most: number;
  unit: "ms" | "kB";
}

export const TRIES = Number(process.env["TRIES"] ?? 5);

let missed = 0;

/** Prints how long something took: beside its goal, and how busy the machine was. */
export function tell(what: string, took: number, goal?: Goal): void {
  const unit = goal?.unit ?? "ms";
  const parts = [`${what}: ${amount(took, unit)}`];
  if (goal) {
    const met = took <= goal.most;
    if (!met) missed++;
    parts.push(`goal ${amount(goal.most, unit)}: ${met ? "met" : "MISSED"}`);
  }
  parts.push(`load ${loadavg()[0]?.toFixed(1)}`);
  console.log(parts.join(" | "));
}

export function missedGoals(): number {
  return missed;
}

export function within(most: number): Goal {
  return { most, unit: "ms" };
}

export async function median(measure: () => Promise<number>): Promise<number> {
  const times = [];
  for (let at = 0; at < TRIES; at++) times.push(await measure());
  return middle(times);
}

export function middle(times: readonly number[]): number {
  return percentile(times, 0.5);
}

export function percentile(times: readonly number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN;
}

export function amount(number: number, unit: Goal["unit"]): string {
  if (unit === "kB") return `${number.toFixed(0)} kB`;
  return number < 1000 ? `${number.toFixed(number < 100 ? 1 : 0)} ms` : `${(number / 1000).toFixed(1)} s`;
}

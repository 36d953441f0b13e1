import { millis } from "../format/times";
import type { Stay } from "../generated/herdbook/registry/v1/transition_pb";

/** A time for which something stood in a stage, or nothing did. */
export interface Period {
  from: number;
  to: number;
  /** Absent where nothing stood. */
  stay?: Stay;
}

/** What stood in a stage, oldest first, with the gaps between. A stay that began unrecorded begins with its end. */
export function periodsOf(stays: readonly Stay[], now: number): Period[] {
  const known = stays
    .map((stay) => {
      const to = millis(stay.leftAt) ?? now;
      return { from: millis(stay.enteredAt) ?? to, to, stay };
    })
    .sort((a, b) => a.from - b.from || a.to - b.to);
  const periods: Period[] = [];
  let end: number | undefined;
  for (const period of known) {
    if (end !== undefined && period.from > end) periods.push({ from: end, to: period.from });
    periods.push(period);
    end = Math.max(end ?? period.to, period.to);
  }
  if (end !== undefined && end < now) periods.push({ from: end, to: now });
  return periods;
}

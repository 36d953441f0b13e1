import type { Value } from "../generated/herdbook/tracking/v1/value_pb";

/** What stood at a step: the values of the last step up to it, or the first there are. */
export function valuesAt(series: readonly Value[], step: bigint | undefined): Value[] {
  const first = series[0]?.step;
  const upTo = step === undefined ? series : series.filter((value) => value.step <= step);
  const at = upTo.at(-1)?.step ?? first;
  return series.filter((value) => value.step === at);
}

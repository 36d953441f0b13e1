import { useCallback, useEffect, useMemo, useState } from "react";
import { assignSeries, hueOf, rememberedSeries, rememberSeries, type Series, seriesOf } from "./colours";

/**
 * How each run or group is drawn: in the hue that somebody chose, else as it was assigned when it was first shown in
 * its experiment.
 */
export function useSeries(
  experiment: bigint | undefined,
  ids: readonly string[],
  chosen: ReadonlyMap<string, number>,
): (id: string) => Series {
  const [kept] = useState(() => ({
    series: experiment === undefined ? new Map() : rememberedSeries(experiment),
  }));
  const series = useMemo(() => {
    kept.series = assignSeries(ids, kept.series);
    return kept.series;
  }, [kept, ids]);
  useEffect(() => {
    if (experiment !== undefined) rememberSeries(experiment, series);
  }, [experiment, series]);
  return useCallback(
    (id: string) => seriesOf(chosen.get(id) ?? series.get(id) ?? hueOf(id)),
    [chosen, series],
  );
}

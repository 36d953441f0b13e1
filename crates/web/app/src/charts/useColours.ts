import { useCallback, useEffect, useMemo, useState } from "react";
import { assignHues, hueOf, rememberedHues, rememberHues } from "./colours";

/**
 * The token of the colour of each run or group: as somebody chose it, else as it was assigned when it was first
 * shown in its experiment.
 */
export function useColours(
  experiment: bigint | undefined,
  ids: readonly string[],
  chosen: ReadonlyMap<string, number>,
): (id: string) => string {
  const [kept] = useState(() => ({
    hues: experiment === undefined ? new Map() : rememberedHues(experiment),
  }));
  const hues = useMemo(() => {
    kept.hues = assignHues(ids, kept.hues);
    return kept.hues;
  }, [kept, ids]);
  useEffect(() => {
    if (experiment !== undefined) rememberHues(experiment, hues);
  }, [experiment, hues]);
  return useCallback((id: string) => `series-${chosen.get(id) ?? hues.get(id) ?? hueOf(id)}`, [chosen, hues]);
}

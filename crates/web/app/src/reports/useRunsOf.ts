import { useAnswer } from "../api/answer";
import { experiments, runs } from "../api/clients";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor } from "../table/columns";
import type { ChartSpec, RunsSpec } from "./panel";

/** What a panel shows is as old as this at most. */
const REFRESH_MS = 5000;

export interface RunsOf {
  experimentId: bigint;
  runs: Run[];
}

/** The runs of a panel, kept up to date. */
export function useRunsOf(spec: ChartSpec | RunsSpec) {
  const columns = spec.kind === "runs" ? spec.columns : [];
  return useAnswer(
    `panel ${JSON.stringify(spec)}`,
    async (signal): Promise<RunsOf> => {
      const { experiment } = await experiments.getExperiment(
        {
          experiment: /^\d+$/.test(spec.experiment)
            ? { case: "id", value: BigInt(spec.experiment) }
            : { case: "name", value: spec.experiment },
        },
        { signal },
      );
      const experimentId = experiment?.id ?? 0n;
      const found = await runs.searchRuns(
        {
          experimentIds: [experimentId],
          filter: spec.filter,
          orderBy: spec.order ? [spec.order] : [],
          pageSize: spec.limit,
          columns: askedFor(columns),
        },
        { signal },
      );
      return { experimentId, runs: found.runs };
    },
    { every: REFRESH_MS },
  );
}

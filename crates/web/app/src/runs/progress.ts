import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** Params by which trainers tell how far they go, with the metric of where they are, if it is not the step. */
const TOTALS: Record<string, RegExp | undefined> = {
  max_steps: undefined,
  total_steps: undefined,
  num_steps: undefined,
  steps: undefined,
  num_train_epochs: /^(train\/)?epoch$/,
  max_epochs: /^epoch$/,
  num_epochs: /^epoch$/,
  epochs: /^epoch$/,
};

/** How far a run has come, where its params say how far it goes. */
export function progressOf(run: Run): { part: number; of: string } | undefined {
  for (const [name, metric] of Object.entries(TOTALS)) {
    const total = Number(run.params[name]);
    if (!(total > 0)) continue;
    const at = metric
      ? (run.metrics.find(({ key }) => metric.test(key))?.latest ?? largestStep(run))
      : largestStep(run);
    if (at !== undefined && at <= total) return { part: at / total, of: `${at} of ${name} = ${total}` };
  }
  return undefined;
}

function largestStep(run: Run): number | undefined {
  const steps = run.metrics.map((metric) => Number(metric.latestStep));
  return steps.length ? Math.max(...steps) : undefined;
}

// Reads the best run of an experiment, then watches a model until a version enters Production.
//
//   HERDBOOK_URL=http://127.0.0.1:5757 node watch.ts tumor-classification tumor-classifier

import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { type Decision, Outcome, TransitionService } from "./generated/herdbook/registry/v1/transition_pb.js";
import { ExperimentService } from "./generated/herdbook/tracking/v1/experiment_pb.js";
import { RunService } from "./generated/herdbook/tracking/v1/run_pb.js";

const METRIC = "val_accuracy";

const baseUrl = process.env["HERDBOOK_URL"] ?? "http://127.0.0.1:5757";
const sessionManager = new Http2SessionManager(baseUrl);
const transport = createGrpcTransport({ baseUrl, sessionManager });

async function tellBestRun(experimentName: string): Promise<void> {
  const experiments = createClient(ExperimentService, transport);
  const { experiment } = await experiments.getExperiment({ experiment: { case: "name", value: experimentName } });
  const { runs } = await createClient(RunService, transport).searchRuns({
    experimentIds: [experiment?.id ?? 0n],
    filter: `metrics.${METRIC} > 0.5`,
    orderBy: [`metrics.${METRIC} desc`],
    pageSize: 1,
  });
  const best = runs[0];
  const value = best?.metrics.find((metric) => metric.key === METRIC)?.latest;
  console.log(best ? `best run ${best.name} ${METRIC} ${value?.toFixed(4)}` : "no run is good enough");
}

async function watchUntilPromotion(transitions: Client<typeof TransitionService>, model: string): Promise<void> {
  for await (const { event } of transitions.watch({ model })) {
    if (event.case === "bookmark") {
      console.log(`watching ${model} from revision ${event.value}`);
    } else if (event.case === "record" && event.value.decision) {
      console.log(describe(event.value.decision));
      if (entersProduction(event.value.decision)) return;
    }
  }
}

function describe(decision: Decision): string {
  const outcome = decision.outcome === Outcome.ALLOWED ? "allowed" : "refused";
  return `${decision.model}/${decision.version} ${decision.from} -> ${decision.to} ${outcome} by ${decision.principal}`;
}

function entersProduction(decision: Decision): boolean {
  return decision.outcome === Outcome.ALLOWED && decision.to === "Production";
}

const [experiment, model] = process.argv.slice(2);
if (!experiment || !model) {
  console.error("usage: node watch.ts EXPERIMENT MODEL");
  process.exit(2);
}
try {
  await tellBestRun(experiment);
  await watchUntilPromotion(createClient(TransitionService, transport), model);
} catch (error) {
  const { code, rawMessage } = ConnectError.from(error);
  console.error(`error ${code}: ${rawMessage}`);
  process.exitCode = 1;
}
// An idle connection would keep the process waiting.
sessionManager.abort();

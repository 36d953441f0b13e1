// The conformance scenario with the TypeScript client; tests/clients/conformance runs it.

import { createInterface } from "node:readline";

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { asError, connect, fromEnv, type HerdbookClient } from "@herdbook/client";
import { Lifecycle } from "@herdbook/client/proto/herdbook/common/v1/lifecycle_pb.js";
import { Comparison, RuleSchema } from "@herdbook/client/proto/herdbook/registry/v1/model_pb.js";
import { AuditAction, Outcome } from "@herdbook/client/proto/herdbook/registry/v1/transition_pb.js";
import type { Version } from "@herdbook/client/proto/herdbook/registry/v1/version_pb.js";

const POINTS = 10_000;
const BATCH = 500;
const ARTIFACT_BYTES = 20_000_000;

const { CONFORMANCE_NAME: name = "", CONFORMANCE_FUTURE: futureUrl = "", CONFORMANCE_NOWHERE: nowhere = "" } = process.env;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const herdbook = connect();
const model = `${name}-model`;
let experimentId = 0n;
let runId = "";
let version: Version;

const steps: Record<string, () => Promise<string>> = {
  async connect() {
    const { principal } = await herdbook.access.getCaller({});
    await unauthenticated(undefined);
    return `as ${principal}`;
  },

  async tls() {
    const { CONFORMANCE_TLS: url, CONFORMANCE_AUTHORITY: caFile, CONFORMANCE_STRANGER: stranger } = process.env;
    const secure = { ...fromEnv(), url, patienceMs: 1000 };
    await using({ ...secure, caFile }, (client) => client.access.getCaller({}));
    const error = await using({ ...secure, caFile: stranger }, (client) => refusal(client.access.getCaller({})));
    expect(error.message.includes("certificate"), `${error.code}: ${error.message}`);
    return error.message;
  },

  async create() {
    const created = await herdbook.experiments.createExperiment({ name: `${name}-conformance` });
    experimentId = created.experiment?.id ?? 0n;
    const { run } = await herdbook.runs.createRun({ experimentId, name: "scenario" });
    runId = run?.id ?? "";
    return `run ${runId}`;
  },

  stream: () => log("loss", "cut"),

  async params() {
    const params = { lr: "0.01", optimizer: "sgd" };
    await herdbook.runs.logBatch({ runId, params });
    const { run } = await herdbook.runs.getRun({ runId });
    expect(run?.params["lr"] === "0.01" && Object.keys(run.params).length === 2, `params ${JSON.stringify(run?.params)}`);
    return "2 params";
  },

  async artifact() {
    const content = new Uint8Array(ARTIFACT_BYTES).map((_, i) => i * 31 + Math.floor(i / 251));
    await herdbook.uploadArtifact(runId, "model/weights.bin", content);
    const parts: Uint8Array[] = [];
    const download = herdbook.downloadArtifact(runId, "model/weights.bin");
    let part = await download.next();
    for (; !part.done; part = await download.next()) parts.push(part.value);
    expect(Buffer.concat(parts).equals(content), "other bytes came back");
    return `${part.value.size} bytes, ${part.value.digest.slice(0, 19)}`;
  },

  async curve() {
    const { curves } = await herdbook.metrics.getCurves({ runIds: [runId], keys: ["loss"], buckets: 100 });
    const counts = curves[0]?.count ?? [];
    const sum = counts.reduce((a, b) => a + b, 0n);
    expect(counts.length <= 100 && sum === BigInt(POINTS), `${counts.length} buckets, ${sum} points`);
    return `${counts.length} buckets`;
  },

  async search() {
    const filter = "params.lr = '0.01' and metrics.loss > 1";
    const { runs } = await herdbook.runs.searchRuns({ experimentIds: [experimentId], filter });
    expect(runs.length === 1 && runs[0]?.id === runId, `${runs.length} runs found`);
    return "1 run";
  },

  async register() {
    await accuracy(0.8, 0n);
    await herdbook.models.createModel({ name: model });
    const { policy } = await herdbook.models.getPolicy({ model });
    const threshold = { metric: "accuracy", comparison: Comparison.AT_LEAST, threshold: 0.9 };
    for (const move of policy?.moves ?? []) {
      if (move.to !== "Production") continue;
      move.rules.push(create(RuleSchema, { name: "accurate-enough", rule: { case: "metricThreshold", value: threshold } }));
    }
    await herdbook.models.setPolicy({ model, policy });
    const created = await herdbook.versions.createVersion({ model, source: `runs:/${runId}/model` });
    if (!created.version) throw new Error("no version");
    version = created.version;
    expect(version.files[0]?.size === BigInt(ARTIFACT_BYTES), "other files were registered");
    return `${model}/${version.number}`;
  },

  async refused() {
    const error = await refusal(promote());
    expect(error.code === Code.FailedPrecondition && error.failures.length === 1, `${error.code}: ${error.message}`);
    const description = error.failures[0]?.description ?? "";
    expect(description.includes("accurate-enough"), description);
    return description;
  },

  async granted() {
    await accuracy(0.95, 1n);
    const { decision } = await promote();
    expect(decision?.outcome === Outcome.ALLOWED, `outcome ${decision?.outcome}`);
    const found = await herdbook.resolve(`${model}@Production`);
    expect(found.number === version.number, `version ${found.number}`);
    return `${model}@Production is version ${found.number}`;
  },

  async watch() {
    let relisted = 0;
    const relist = async () => {
      relisted++;
      return version.revision;
    };
    const records = herdbook.watch({ model, afterRevision: 10n ** 12n, relist });
    const next = async () => (await records.next()).value;
    expect((await next())?.decision?.outcome === Outcome.REFUSED, "the refusal is not the first event");
    await ask("drop");
    await herdbook.models.setAlias({ model, alias: "champion", version: version.number });
    expect((await next())?.decision?.outcome === Outcome.ALLOWED, "the grant is not the second event");
    expect((await next())?.action === AuditAction.SET_ALIAS, "the alias is not the third event");
    await records.return();
    expect(relisted === 1, `listed again ${relisted} times`);
    return "3 events, each once; listed again 1 time";
  },

  async lineage() {
    await ask("lineage");
    const { graph } = await herdbook.lineage.getAncestors({ node: `model_version:${model}@${version.number}` });
    const nodes = graph?.nodes ?? [];
    const found = nodes.some(({ node }) => node?.key?.kind === "run" && node.key.name === runId);
    expect(found, "its run is not among them");
    return `${nodes.length} nodes`;
  },

  restart: () => log("val_loss", "restart"),

  async deadline() {
    const started = Date.now();
    const error = await using({ url: futureUrl }, (future) => refusal(future.runs.searchRuns({}, { timeoutMs: 300 })));
    expect(error.code === Code.DeadlineExceeded, `${error.code}: ${error.message}`);
    expect(Date.now() - started < 5000, "too late");
    return `after ${Date.now() - started} ms`;
  },

  async "too-large"() {
    const tags = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`tag-${i}`, "x".repeat(8000)]));
    const error = await refusal(herdbook.runs.logBatch({ runId, tags }));
    expect(error.code === Code.ResourceExhausted, `${error.code}: ${error.message}`);
    return error.message;
  },

  newer: () =>
    using({ url: futureUrl }, async (future) => {
      const { run } = await future.runs.getRun({ runId });
      expect(run?.id === runId && Number(run.status) === 77, `status ${run?.status}`);
      const back = await future.runs.updateRun({ run });
      expect(back.run?.description === "kept", `what was not known was ${back.run?.description}`);
      return "kept";
    }),

  older: () =>
    using({ url: futureUrl }, async (future) => {
      const error = await refusal(future.experiments.listExperiments({}));
      expect(error.code === Code.Unimplemented, `${error.code}: ${error.message}`);
      return error.message;
    }),

  async delete() {
    await herdbook.runs.deleteRun({ runId });
    const { run } = await herdbook.runs.getRun({ runId });
    expect(run?.lifecycle === Lifecycle.DELETED, `lifecycle ${run?.lifecycle}`);
    return "deleted";
  },

  async token() {
    const { expired } = await ask("token");
    await unauthenticated(fromEnv().token);
    await unauthenticated(expired);
    return "both refused";
  },

  async nobody() {
    const started = Date.now();
    const gone = (client: HerdbookClient) => refusal(client.runs.getRun({ runId }));
    const error = await using({ url: nowhere, patienceMs: 1000 }, gone);
    expect(error.code === Code.Unavailable && error.message.includes(nowhere), `${error.code}: ${error.message}`);
    expect(Date.now() - started < 5000, "too late");
    return error.message;
  },
};

/** Has the runner do something to the server or the network. */
async function ask(what: string): Promise<Record<string, string>> {
  console.log(JSON.stringify({ ask: what }));
  return JSON.parse((await lines.next()).value ?? "{}");
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function refusal(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    return asError(error);
  }
  throw new Error("it was not refused");
}

async function using<T>(config: Parameters<typeof connect>[0], use: (client: HerdbookClient) => Promise<T>): Promise<T> {
  const client = connect(config);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

async function unauthenticated(token: string | undefined): Promise<void> {
  const error = await using({ ...fromEnv(), token }, (stranger) => refusal(stranger.access.getCaller({})));
  expect(error.code === Code.Unauthenticated, `${error.code}: ${error.message}`);
}

function accuracy(value: number, step: bigint) {
  return herdbook.runs.logBatch({ runId, metrics: [{ key: "accuracy", value, step }] });
}

function promote() {
  return herdbook.transitions.transitionVersion({ model, version: version.number, to: "Production" });
}

async function log(key: string, trouble: string): Promise<string> {
  const writer = herdbook.openWriter(runId, { name: "conformance", batchPoints: BATCH });
  for (let step = 0; step < POINTS; step++) {
    if (step === POINTS / 2) {
      // The first half is on its way; the second meets the trouble.
      await writer.flush();
      await ask(trouble);
    }
    await writer.log(step, { [key]: step * 0.5 });
  }
  await writer.close(60_000);
  const seen = new Set<bigint>();
  let count = 0;
  let sum = 0;
  for await (const { steps, values } of herdbook.metrics.readMetrics({ runId, keys: [key] })) {
    count += steps.length;
    for (const step of steps) seen.add(step);
    for (const value of values) sum += value;
  }
  expect(count === POINTS && seen.size === POINTS, `${count} points, ${seen.size} steps`);
  expect(sum === (POINTS * (POINTS - 1)) / 4, `the values add up to ${sum}`);
  expect(writer.streams > 1, "the connection was never lost");
  return `${count} points over ${writer.streams} streams`;
}

for (const [step, run] of Object.entries(steps)) {
  const started = Date.now();
  let passed = true;
  let detail: string;
  try {
    detail = await run();
  } catch (error) {
    passed = false;
    detail = error instanceof ConnectError ? `${error.code}: ${error.message}` : String(error);
  }
  console.log(JSON.stringify({ step, passed, detail, seconds: (Date.now() - started) / 1000 }));
  if (!passed) {
    process.exitCode = 1;
    break;
  }
}
herdbook.close();
process.stdin.destroy();

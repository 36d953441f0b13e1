import { createHash } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AccessService } from "../../src/generated/herdbook/access/v1/access_pb.js";
import { CommentService } from "../../src/generated/herdbook/team/v1/comment_pb.js";
import { ReportService } from "../../src/generated/herdbook/team/v1/report_pb.js";
import { ArtifactService } from "../../src/generated/herdbook/tracking/v1/artifact_pb.js";
import { ExperimentService } from "../../src/generated/herdbook/tracking/v1/experiment_pb.js";
import { MetricService } from "../../src/generated/herdbook/tracking/v1/metric_pb.js";
import { RunService, RunStatus } from "../../src/generated/herdbook/tracking/v1/run_pb.js";
import { ValueService } from "../../src/generated/herdbook/tracking/v1/value_pb.js";

export interface Services {
  experiments: Client<typeof ExperimentService>;
  runs: Client<typeof RunService>;
  metrics: Client<typeof MetricService>;
  artifacts: Client<typeof ArtifactService>;
  values: Client<typeof ValueService>;
  access: Client<typeof AccessService>;
  comments: Client<typeof CommentService>;
  reports: Client<typeof ReportService>;
}

export function servicesAt(url: string, token?: string): Services {
  const transport = createGrpcTransport({
    baseUrl: url,
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    experiments: createClient(ExperimentService, transport),
    runs: createClient(RunService, transport),
    metrics: createClient(MetricService, transport),
    artifacts: createClient(ArtifactService, transport),
    values: createClient(ValueService, transport),
    access: createClient(AccessService, transport),
    comments: createClient(CommentService, transport),
    reports: createClient(ReportService, transport),
  };
}

/** Numbers that look like chance and are the same each time. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Sweep {
  experimentId: bigint;
  runIds: string[];
}

const STEPS = 400;

/** A sweep as people have them: twelve runs, of which one diverged and failed, and one is still at work. */
export async function seedSweep(services: Services, name = "fraud-detector"): Promise<Sweep> {
  const created = await services.experiments.createExperiment({
    name,
    description: "Which payments are fraud?",
  });
  const experimentId = created.experiment?.id ?? 0n;
  const runIds: string[] = [];
  for (let number = 0; number < 12; number++) {
    const random = chance(number + 1);
    const lr = [0.1, 0.01, 0.001][number % 3] ?? 0.1;
    const optimizer = number % 2 ? "adam" : "sgd";
    const { run } = await services.runs.createRun({
      experimentId,
      name: `${optimizer}-lr${lr}-seed${Math.floor(number / 3)}`,
      user: number % 4 ? "ana" : "bo",
      params: { lr: `${lr}`, optimizer, max_steps: `${STEPS}`, seed: `${Math.floor(number / 3)}` },
      tags: { team: "risk-ml" },
      inputs: [
        {
          dataset: { name: "payments-2026", digest: `sha256:${"ab".repeat(32)}`, uri: "s3://lake/payments" },
          context: "training",
        },
      ],
      source: {
        repository: "https://git.example.com/risk/fraud.git",
        commit: createHash("sha1").update(`${number}`).digest("hex"),
        branch: "main",
        dirty: number === 3,
        entryPoint: "train.py",
        command: ["python", "train.py", "--lr", `${lr}`],
      },
      environment: {
        pythonVersion: "3.12.4",
        platform: "linux-x86_64",
        requirements: ["numpy==2.1.0", "torch==2.9.1"],
      },
      description:
        number === 0
          ? "# First try\n\nGood on *small* batches. <img src=x onerror=\"document.title='run'\">"
          : "",
    });
    const runId = run?.id ?? "";
    runIds.push(runId);
    await services.runs.updateRun({
      run: { id: runId, status: RunStatus.RUNNING },
      updateMask: { paths: ["status"] },
    });
    const diverges = number === 6;
    const working = number === 11;
    const end = diverges ? 212 : working ? 164 : STEPS;
    const metrics = [];
    for (let step = 0; step < end; step++) {
      const learned = 1 - Math.exp((-step * (0.4 + number * 0.06)) / 90);
      const noise = () => (random() - 0.5) * 0.06;
      const loss = diverges && step > 205 ? Number.NaN : 0.9 - 0.8 * learned + noise() * (1.2 - learned);
      metrics.push(
        { key: "train/loss", value: loss, step: BigInt(step) },
        { key: "val/loss", value: loss + 0.04 + noise() / 2, step: BigInt(step) },
        {
          key: "val/accuracy",
          value: Math.min(0.99, 0.5 + 0.46 * learned + noise() / 3),
          step: BigInt(step),
        },
        { key: "lr", value: lr * 0.99 ** step, step: BigInt(step) },
      );
    }
    await services.runs.logBatch({ runId, metrics });
    if (!working) {
      await services.runs.updateRun({
        run: { id: runId, status: diverges ? RunStatus.FAILED : RunStatus.FINISHED },
        updateMask: { paths: ["status"] },
      });
    }
  }
  await seedFiles(services, runIds[0] ?? "");
  for (const runId of runIds.slice(0, 2)) await seedValues(services, runId);
  return { experimentId, runIds };
}

/** A picture of one colour, 2 x 2 pixels, as PNG. */
const PIXELS = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAD0lEQVR42mNgKNoEQhAKAB02BJH/ky1vAAAAAElFTkSuQmCC",
  "base64",
);

/** Files of the kinds that people upload, among them some that would do harm if they could. */
async function seedFiles(services: Services, runId: string): Promise<void> {
  const attack =
    "try { parent.document.title = 'taken' } catch {} document.title = 'taken'; fetch('/session')";
  const header = JSON.stringify({
    __metadata__: { format: "pt" },
    "layer.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  });
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  const notebook = {
    cells: [
      { cell_type: "markdown", source: ["# Look at the data"] },
      { cell_type: "code", source: ["data.head()"], outputs: [{ text: ["first rows"] }] },
    ],
  };
  const files: Record<string, string | Uint8Array> = {
    "model/weights v2.bin": "not really weights",
    "model/layers.safetensors": Buffer.concat([size, Buffer.from(header), Buffer.alloc(24)]),
    "model/MLmodel": "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
    "report.html": `<h1>Report</h1><script>${attack}</script><img src=x onerror="${attack}">`,
    "plot.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>${attack}</script><circle r="9"/></svg>`,
    "plot.png": PIXELS,
    "predictions.csv": 'id,score,note\n1,0.5,"a, b"\n2,0.25,c\n',
    "config.json": '{"optimizer":{"name":"sgd","lr":0.1}}',
    "look.ipynb": JSON.stringify(notebook),
    "changes.diff": "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-lr = 0.1\n+lr = 0.2\n",
  };
  for (const [path, bytes] of Object.entries(files)) {
    await upload(services, runId, path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }
}

/** Values on steps, of each kind that a page shows by itself. */
async function seedValues(services: Services, runId: string): Promise<void> {
  const wave = Buffer.concat([
    Buffer.from("RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0", "latin1"),
    Buffer.alloc(28),
  ]);
  await services.values.logValues({
    runId,
    values: [100n, 200n, 300n].flatMap((step) => [
      {
        key: "weights",
        step,
        kind: {
          case: "histogram" as const,
          value: { edges: [-2, -1, 0, 1, 2], counts: [1, 4 + Number(step) / 100, 5, 2] },
        },
      },
      { key: "sample", step, kind: { case: "text" as const, value: { text: `what it wrote at ${step}` } } },
      {
        key: "predictions",
        step,
        kind: {
          case: "table" as const,
          value: { columns: ["truth", "guess"], rows: `[["fraud", "fraud"], ["fine", ${step}]]` },
        },
      },
      {
        key: "worst",
        step,
        kind: {
          case: "image" as const,
          value: {
            content: { source: { case: "data" as const, value: PIXELS } },
            caption: `worst at ${step}`,
          },
        },
      },
      {
        key: "voice",
        step,
        kind: {
          case: "audio" as const,
          value: { content: { source: { case: "data" as const, value: wave }, mediaType: "audio/wav" } },
        },
      },
    ]),
  });
}

export async function upload(
  services: Services,
  runId: string,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  await services.artifacts.uploadArtifact(
    (async function* () {
      yield { message: { case: "header" as const, value: { runId, path } } };
      yield { message: { case: "chunk" as const, value: bytes } };
    })(),
  );
}

/** Calls that are under way at a time. */
const AT_ONCE = 64;

/** An experiment with very many runs, each with params and the ends of three metrics. */
export async function seedCrowd(services: Services, runs: number, name = "crowd"): Promise<bigint> {
  const created = await services.experiments.createExperiment({ name });
  const experimentId = created.experiment?.id ?? 0n;
  await growCrowd(services, experimentId, 0, runs);
  return experimentId;
}

/** More runs of a crowd, from one number up to another. */
export async function growCrowd(
  services: Services,
  experimentId: bigint,
  from: number,
  to: number,
): Promise<void> {
  const random = chance(7 + from);
  let next = from;
  const worker = async () => {
    while (next < to) {
      const number = next++;
      const { run } = await services.runs.createRun({
        experimentId,
        name: `crowd-${number}`,
        params: {
          lr: (10 ** (-1 - 3 * random())).toPrecision(3),
          layers: `${2 + (number % 7)}`,
          seed: `${number % 5}`,
        },
      });
      const quality = random();
      await services.runs.logBatch({
        runId: run?.id ?? "",
        metrics: ["train/loss", "val/loss", "val/accuracy"].map((key, at) => ({
          key,
          value: at === 2 ? quality : 1 - quality + random() * 0.1,
          step: 100n,
        })),
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** An experiment of which each run has very many metrics. */
export async function seedWide(services: Services, runs: number, keys: number): Promise<bigint> {
  const created = await services.experiments.createExperiment({ name: `wide-${runs}-${keys}` });
  const experimentId = created.experiment?.id ?? 0n;
  for (let number = 0; number < runs; number++) {
    const { run } = await services.runs.createRun({
      experimentId,
      name: `wide-${number}`,
      params: { depth: `${number % 4}` },
    });
    await services.runs.logBatch({
      runId: run?.id ?? "",
      metrics: Array.from({ length: keys }, (_, key) => ({
        key: `layer/${String(key).padStart(4, "0")}`,
        value: number + key / keys,
        step: 1n,
      })),
    });
  }
  return experimentId;
}

/** Rows of a batch, and batches that are sent ahead. */
const ROWS = 10_000;

/** A run with many points of some metrics, by one stream. */
export async function seedLong(
  services: Services,
  experimentId: bigint,
  name: string,
  keys: readonly string[],
  points: number,
): Promise<string> {
  const { run } = await services.runs.createRun({ experimentId, name });
  const runId = run?.id ?? "";
  const random = chance(name.length + name.charCodeAt(name.length - 1));
  const batches = Math.ceil(points / ROWS);
  const stream = services.metrics.logMetrics(
    (async function* () {
      yield { message: { case: "open" as const, value: { writer: 1, runId, writerId: "seed", epoch: 1n } } };
      for (let batch = 0; batch < batches; batch++) {
        const rows = Math.min(ROWS, points - batch * ROWS);
        const values: number[] = [];
        for (const _key of keys) {
          for (let row = 0; row < rows; row++) {
            values.push(Math.exp(-(batch * ROWS + row) / points) + (random() - 0.5) * 0.1);
          }
        }
        yield {
          message: {
            case: "batch" as const,
            value: {
              writer: 1,
              sequence: BigInt(batch + 1),
              keys: batch === 0 ? Object.fromEntries(keys.map((key, at) => [at + 1, key])) : {},
              tables: [
                {
                  keys: keys.map((_key, at) => at + 1),
                  firstStep: BigInt(batch * ROWS),
                  stepDeltas: [1n],
                  firstTimeUs: BigInt(Date.now() * 1000 + batch * ROWS),
                  timeDeltasUs: [1n],
                  values,
                },
              ],
            },
          },
        };
      }
    })(),
  );
  for await (const { message } of stream) {
    if (message.case === "refused") throw new Error(message.value.message);
    if (message.case === "committed" && message.value.sequence === BigInt(batches)) break;
  }
  await services.runs.updateRun({
    run: { id: runId, status: RunStatus.FINISHED },
    updateMask: { paths: ["status"] },
  });
  return runId;
}

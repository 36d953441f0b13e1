import { createHash } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EdgeType } from "../../src/generated/herdbook/lineage/v1/graph_pb.js";
import { LineageService } from "../../src/generated/herdbook/lineage/v1/lineage_pb.js";
import { ModelService } from "../../src/generated/herdbook/registry/v1/model_pb.js";
import { TransitionService } from "../../src/generated/herdbook/registry/v1/transition_pb.js";
import { VersionService } from "../../src/generated/herdbook/registry/v1/version_pb.js";
import { type Services, servicesAt, upload } from "./seed.ts";
import { until } from "./server.ts";

export type Lineage = Client<typeof LineageService>;

export interface Family {
  /** The run that made each version of the model in Production, the first first. */
  runIds: string[];
}

const digest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const data = (name: string) => ({ kind: "dataset", name, version: digest(name) });

export function lineageAt(url: string, headers: Record<string, string> = {}): Lineage {
  const transport = createGrpcTransport({
    baseUrl: url,
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
  return createClient(LineageService, transport);
}

/**
 * Payments, cleaned and labelled twice, once wrongly; two versions of a detector from the good labels, the second
 * of which serves; and a triage from the wrong ones, which serves too.
 */
export async function seedFamily(url: string): Promise<Family> {
  const services = servicesAt(url);
  const transport = createGrpcTransport({ baseUrl: url });
  const lineage = createClient(LineageService, transport);
  const derived = (source: string, target: string, label: string) => ({
    source: data(source),
    target: data(target),
    type: EdgeType.DERIVED_FROM,
    label,
  });
  await lineage.record({
    nodes: [
      { key: data("payments_clean") },
      { key: data("payments_v1"), attributes: { uri: "s3://lake/payments/v1" } },
      { key: data("payments_raw"), attributes: { uri: "s3://lake/payments/raw" }, tags: ["pii"] },
      { key: data("payments_v2"), attributes: { uri: "s3://lake/payments/v2" }, tags: ["biased"] },
    ],
    edges: [
      derived("payments_raw", "payments_clean", "drop duplicates"),
      derived("payments_clean", "payments_v1", "label"),
      derived("payments_clean", "payments_v2", "label"),
    ],
    columnLinks: [
      {
        source: data("payments_raw"),
        target: data("payments_clean"),
        links: [
          { sourceField: "amount", targetField: "amount", type: "DIRECT", subtype: "IDENTITY" },
          { sourceField: "card", targetField: "card_hash", type: "DIRECT", masking: true },
        ],
      },
      {
        source: data("payments_clean"),
        target: data("payments_v1"),
        links: [
          { sourceField: "amount", targetField: "amount_log", type: "DIRECT", subtype: "TRANSFORMATION" },
          { sourceField: "card_hash", targetField: "spent", type: "INDIRECT", subtype: "GROUP_BY" },
          { sourceField: "amount", targetField: "spent", type: "DIRECT", subtype: "AGGREGATION" },
        ],
      },
    ],
  });
  const runIds: string[] = [];
  const versions = createClient(VersionService, transport);
  const models = createClient(ModelService, transport);
  const transitions = createClient(TransitionService, transport);
  for (const name of ["fraud-detector", "fraud-triage"]) await models.createModel({ name });
  for (const [model, from, number] of [
    ["fraud-detector", "payments_v1", 1],
    ["fraud-detector", "payments_v1", 2],
    ["fraud-triage", "payments_v2", 1],
  ] as const) {
    const runId = await train(services, `${model}-${number}`, from, number);
    runIds.push(runId);
    await versions.createVersion({ model, source: `runs:/${runId}/model`, label: `v1.${number}.0` });
    if (model === "fraud-detector" && number === 1) continue;
    for (const to of ["Staging", "Production"]) {
      await transitions.transitionVersion({ model, version: BigInt(number), to });
    }
  }
  await until("lineage was told of the last promotion", async () => {
    const { impacts } = await lineage.findImpact({ node: "dataset:payments_raw", stage: "Production" });
    return impacts.length === 2;
  });
  return { runIds };
}

async function train(services: Services, name: string, from: string, seed: number): Promise<string> {
  const { run } = await services.runs.createRun({
    name,
    user: "ana",
    params: { lr: "0.01", seed: `${seed}` },
    inputs: [
      { dataset: { name: from, digest: digest(from), uri: `s3://lake/${from}` }, context: "training" },
    ],
    source: {
      repository: "https://git.example.com/risk/fraud.git",
      commit: createHash("sha1").update("fraud").digest("hex"),
      branch: "main",
      command: ["python", "train.py"],
      entryPoint: "train.py",
    },
    environment: {
      pythonVersion: "3.12.4",
      platform: "linux-x86_64",
      requirements: ["numpy==2.1.0", "torch==2.9.1"],
    },
  });
  const runId = run?.id ?? "";
  await upload(services, runId, "model/weights.bin", new TextEncoder().encode(name));
  await services.runs.updateRun({ run: { id: runId, status: 3 }, updateMask: { paths: ["status"] } });
  return runId;
}

/** A descent of `size` data sets, each from one to three of those before it; the last came from nearly all. */
export async function seedDescent(lineage: Lineage, size: number, name = "table"): Promise<string> {
  const key = (number: number) => ({ kind: "dataset", name: `${name}_${number}`, version: "" });
  let state = 7;
  const chance = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const edges = [];
  for (let target = 1; target < size; target++) {
    const parents = 1 + Math.floor(chance() * 2.2);
    for (let parent = 0; parent < parents; parent++) {
      const back = 1 + Math.floor(chance() * chance() * 120);
      edges.push({
        source: key(Math.max(0, target - back)),
        target: key(target),
        type: EdgeType.DERIVED_FROM,
      });
    }
    // What nothing came from yet goes into the last.
    if (target === size - 1) {
      const used = new Set(edges.map(({ source }) => source.name));
      for (let lone = 0; lone < target; lone++) {
        if (!used.has(key(lone).name)) {
          edges.push({ source: key(lone), target: key(target), type: EdgeType.DERIVED_FROM });
        }
      }
    }
  }
  await lineage.record({ edges });
  return `dataset:${name}_${size - 1}`;
}

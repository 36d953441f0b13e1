import { readFileSync } from "node:fs";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { AccessService, PrincipalKind } from "../../src/generated/herdbook/access/v1/access_pb.js";
import { Role } from "../../src/generated/herdbook/common/v1/role_pb.js";
import { CheckService } from "../../src/generated/herdbook/registry/v1/check_pb.js";
import { Comparison, ModelService, RuleSchema } from "../../src/generated/herdbook/registry/v1/model_pb.js";
import { RequestService } from "../../src/generated/herdbook/registry/v1/request_pb.js";
import { Direction } from "../../src/generated/herdbook/registry/v1/rule_pb.js";
import { TransitionService } from "../../src/generated/herdbook/registry/v1/transition_pb.js";
import { VersionService } from "../../src/generated/herdbook/registry/v1/version_pb.js";
import { open, type Watched } from "./browser.ts";
import { type Services, servicesAt, upload } from "./seed.ts";
import { herdbook, Server } from "./server.ts";

export interface Registry {
  access: Client<typeof AccessService>;
  checks: Client<typeof CheckService>;
  models: Client<typeof ModelService>;
  requests: Client<typeof RequestService>;
  transitions: Client<typeof TransitionService>;
  versions: Client<typeof VersionService>;
}

export function registryAt(url: string, token?: string): Registry {
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
    access: createClient(AccessService, transport),
    checks: createClient(CheckService, transport),
    models: createClient(ModelService, transport),
    requests: createClient(RequestService, transport),
    transitions: createClient(TransitionService, transport),
    versions: createClient(VersionService, transport),
  };
}

const PEOPLE = {
  ana: Role.CONTRIBUTOR,
  bo: Role.APPROVER,
  cyd: Role.APPROVER,
  dee: Role.VIEWER,
  eve: Role.ADMIN,
} as const;

export type Person = keyof typeof PEOPLE;

/** A Herdbook that asks who calls, with people of every role. */
export class Team {
  readonly server: Server;
  private readonly tokens: Record<Person, string>;

  private constructor(server: Server, tokens: Record<Person, string>) {
    this.server = server;
    this.tokens = tokens;
  }

  static async start(): Promise<Team> {
    const server = await Server.start("--auth", "required");
    const ready = readFileSync(`${server.folder}/ready.json`, "utf8");
    const { database } = JSON.parse(ready) as { database: string };
    const words = ["tokens", "create", "--bootstrap", "--database-url", database, "--output", "json"];
    const bootstrap = (await herdbook(...words)).match(/hbk_[\w-]+/)?.[0] ?? "";
    const { access } = registryAt(server.url, bootstrap);
    const made = Object.entries(PEOPLE).map(async ([name, role]) => {
      await access.createPrincipal({ name, kind: PrincipalKind.PERSON, role });
      const { secret } = await access.createToken({ principal: name, name: "test" });
      return [name, secret] as const;
    });
    return new Team(server, Object.fromEntries(await Promise.all(made)) as Record<Person, string>);
  }

  /** What a call of somebody carries. */
  headers(person: Person): { authorization: string } {
    return { authorization: `Bearer ${this.tokens[person]}` };
  }

  services(person: Person): Services {
    return servicesAt(this.server.url, this.tokens[person]);
  }

  registry(person: Person): Registry {
    return registryAt(this.server.url, this.tokens[person]);
  }

  /** A page that somebody has signed in to. */
  async open(
    browser: Browser,
    person: Person,
    path: string,
    options: BrowserContextOptions = {},
  ): Promise<Watched> {
    const watched = await open(browser, "about:blank", options);
    const signedIn = await watched.page.context().request.post(`${this.server.url}/session`, {
      headers: this.headers(person),
    });
    if (!signedIn.ok()) throw new Error(`${person} cannot sign in: ${signedIn.status()}`);
    await watched.page.goto(this.server.url + path);
    return watched;
  }
}

export const MODEL = "fraud-detector";

/** What each version of the model was measured to be, and how long it takes. */
const VERSIONS = [
  { label: "1.0.0", accuracy: 0.901, recall: 0.71, latency: 44 },
  { label: "1.1.0", accuracy: 0.922, recall: 0.74, latency: 41 },
  { label: "1.2.0", accuracy: 0.928, recall: 0.73, latency: 39 },
  { label: "1.3.0", accuracy: 0.934, recall: 0.77, latency: 38 },
  { label: "1.4.0-rc.1", accuracy: 0.912, recall: 0.79, latency: 57 },
  { label: "", accuracy: 0.94, recall: 0.78, latency: 52 },
] as const;

/**
 * A model as people have them: versions by ana, of which the third serves after the second did, with a time in
 * which nothing did; the fourth may follow once two others approve; the fifth fails its rules.
 */
export async function seedModel(services: Services, registry: Registry, admin: Registry): Promise<void> {
  const { models, versions, transitions, checks } = registry;
  await models.createModel({
    name: MODEL,
    description:
      "Which payments are **fraud**? Scores each payment between 0 and 1.\n\n* asked by the payment service, 300 times a second\n* retrained every Monday",
    tags: { team: "risk-ml", area: "payments" },
    owners: ["ana", "risk-ml"],
    card: { intendedUse: "Scoring of card payments in Europe.", licence: "LicenseRef-internal" },
  });
  await addRules(admin, [
    {
      name: "good-enough",
      rule: {
        case: "metricThreshold",
        value: { metric: "val_accuracy", comparison: Comparison.AT_LEAST, threshold: 0.92 },
      },
    },
    {
      name: "no-worse",
      rule: {
        case: "noWorse",
        value: { metric: "val_accuracy", direction: Direction.HIGHER, margin: 0 },
      },
    },
    { name: "fast-enough", rule: { case: "requiredChecks", value: { names: ["latency"] } } },
  ]);
  for (const [at, { label, accuracy, recall, latency }] of VERSIONS.entries()) {
    const version = BigInt(at + 1);
    const { run } = await services.runs.createRun({
      name: `retrain-${at + 1}`,
      params: { lr: at < 3 ? "0.01" : "0.003", layers: `${4 + at}`, optimizer: "adam" },
      inputs: [
        {
          dataset: { name: `payments-2026-0${at + 1}`, digest: `sha256:${`${at}`.repeat(64)}` },
          context: "training",
        },
      ],
    });
    const runId = run?.id ?? "";
    await services.runs.logBatch({
      runId,
      metrics: [
        { key: "val_accuracy", value: accuracy, step: 100n },
        { key: "val_recall", value: recall, step: 100n },
        { key: "val_loss", value: 1 - accuracy, step: 100n },
      ],
    });
    const text = (written: string) => new TextEncoder().encode(written);
    await upload(services, runId, "model/weights v2.bin", text(`weights of version ${at + 1}`));
    await upload(services, runId, "model/config.json", text('{"threshold": 0.5}'));
    await versions.createVersion({
      model: MODEL,
      source: `runs:/${runId}/model`,
      label,
      description: at === 3 ? "Trained on the payments of April; *better recall* on small amounts." : "",
      tags: at === 3 ? { reviewed: "yes" } : {},
      flavor: "pytorch",
      schema: {
        inputs: [
          { name: "amount", type: "float32" },
          { name: "history", type: "float32", shape: [-1n, 16n] },
        ],
        outputs: [{ name: "fraud", type: "float32" }],
      },
    });
    await checks.reportCheck({
      model: MODEL,
      version,
      name: "latency",
      passed: latency < 50,
      details: `p99 ${latency} ms`,
      url: `https://ci.example.com/${800 + at}`,
    });
    if (at > 1) {
      await checks.reportCheck({ model: MODEL, version, name: "bias-audit", passed: true, details: "fair" });
    }
  }
  const move = (version: bigint, to: string, comment = "") =>
    transitions.transitionVersion({ model: MODEL, version, to, comment });
  await move(1n, "Archived", "superseded before it served");
  await move(2n, "Staging");
  await move(2n, "Production", "first that is good enough");
  await move(2n, "Archived", "wrong threshold in the config: taken out");
  await move(3n, "Staging");
  await move(3n, "Production", "threshold mended");
  await move(4n, "Staging", "for the shadow traffic");
  await move(5n, "Staging");
  await models.setAlias({ model: MODEL, alias: "champion", version: 3n });
  await models.setAlias({ model: MODEL, alias: "challenger", version: 4n });
}

/** From now on others have to approve what goes to Production. */
export function askForApprovals(admin: Registry, count = 2): Promise<void> {
  return addRules(admin, [
    { name: "four-eyes", rule: { case: "requiredApprovals", value: { count, role: Role.APPROVER } } },
  ]);
}

/** More rules for what goes to Production. */
async function addRules(
  admin: Registry,
  rules: readonly MessageInitShape<typeof RuleSchema>[],
): Promise<void> {
  const { policy } = await admin.models.getPolicy({ model: MODEL });
  for (const move of policy?.moves ?? []) {
    if (move.to === "Production") move.rules.push(...rules.map((rule) => create(RuleSchema, rule)));
  }
  if (policy) await admin.models.setPolicy({ model: MODEL, policy });
}

/** Calls that are under way at a time. */
const AT_ONCE = 32;

/** Very many models, called so that their order by name is that of their numbers. */
export async function crowdOfModels(registry: Registry, models: number, prefix = "crowd"): Promise<void> {
  const digits = `${models - 1}`.length;
  let next = 0;
  const worker = async () => {
    while (next < models) {
      const name = `${prefix}-${`${next++}`.padStart(digits, "0")}`;
      await registry.models.createModel({ name, tags: { team: `team-${next % 7}` } });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

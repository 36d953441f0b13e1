import { readFileSync } from "node:fs";

import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { type ArtifactContent, download, downloadVersionFile, upload } from "./artifacts.js";
import { AccessService } from "./proto/herdbook/access/v1/access_pb.js";
import type { File } from "./proto/herdbook/common/v1/file_pb.js";
import { LineageService } from "./proto/herdbook/lineage/v1/lineage_pb.js";
import { CheckService } from "./proto/herdbook/registry/v1/check_pb.js";
import { ModelService } from "./proto/herdbook/registry/v1/model_pb.js";
import { PolicyService } from "./proto/herdbook/registry/v1/policy_pb.js";
import { RequestService } from "./proto/herdbook/registry/v1/request_pb.js";
import { type AuditRecord, TransitionService } from "./proto/herdbook/registry/v1/transition_pb.js";
import { type Version, VersionService } from "./proto/herdbook/registry/v1/version_pb.js";
import { WebhookService } from "./proto/herdbook/registry/v1/webhook_pb.js";
import { ArtifactService } from "./proto/herdbook/tracking/v1/artifact_pb.js";
import { ExperimentService } from "./proto/herdbook/tracking/v1/experiment_pb.js";
import { MetricService } from "./proto/herdbook/tracking/v1/metric_pb.js";
import { RunService } from "./proto/herdbook/tracking/v1/run_pb.js";
import { ValueService } from "./proto/herdbook/tracking/v1/value_pb.js";
import { type Patience, repeating } from "./retry.js";
import { watch, type WatchOptions } from "./watch.js";
import { MetricWriter, type WriterOptions } from "./writer.js";

/** That of all clients of Herdbook. */
export const VERSION = "0.1.0";

/** Largest message in either direction, as the server has it: one that is larger is refused here, for Node would wait for ever. */
const MESSAGE_BYTES = 16 << 20;

/** Where the server is and how to call it. */
export interface Config {
  /** Such as `https://herdbook.example.com`; `http://127.0.0.1:5757` if not given. */
  url?: string;
  /** Such as `hbk_…`. */
  token?: string;
  /** The workspace to work in; that of the token if not given. */
  workspace?: string;
  /** PEM file with the certificates to trust; those of Node.js if not given. */
  caFile?: string;
  /** How long calls are tried again while the server is away, in milliseconds; 30,000 if not given. */
  patienceMs?: number;
}

/** From `HERDBOOK_URL`, `HERDBOOK_TOKEN`, `HERDBOOK_WORKSPACE` and `HERDBOOK_CA_FILE`. */
export function fromEnv(env: NodeJS.ProcessEnv = process.env): Config {
  return {
    url: env["HERDBOOK_URL"],
    token: env["HERDBOOK_TOKEN"],
    workspace: env["HERDBOOK_WORKSPACE"],
    caFile: env["HERDBOOK_CA_FILE"],
  };
}

/**
 * Prepares a connection; the first call makes it. Unary calls are tried again as the errors of the server advise; where
 * the contract has a request id an empty one is filled in, so that a repeat does nothing twice.
 */
export function connect(config: Config = fromEnv()): HerdbookClient {
  return new HerdbookClient(config);
}

/** A connection to a server: the generated clients, and helpers over them. Close it, or the process stays alive. */
export class HerdbookClient {
  /** For generated clients that there is no field for. */
  readonly transport: Transport;
  readonly access: Client<typeof AccessService>;
  readonly experiments: Client<typeof ExperimentService>;
  readonly runs: Client<typeof RunService>;
  readonly metrics: Client<typeof MetricService>;
  readonly values: Client<typeof ValueService>;
  readonly artifacts: Client<typeof ArtifactService>;
  readonly models: Client<typeof ModelService>;
  readonly versions: Client<typeof VersionService>;
  readonly transitions: Client<typeof TransitionService>;
  readonly requests: Client<typeof RequestService>;
  readonly checks: Client<typeof CheckService>;
  readonly policies: Client<typeof PolicyService>;
  readonly webhooks: Client<typeof WebhookService>;
  readonly lineage: Client<typeof LineageService>;
  readonly #session: Http2SessionManager;
  readonly #patience: Patience;

  constructor(config: Config) {
    const url = config.url || "http://127.0.0.1:5757";
    if (!/^https?:\/\/[^/]+/.test(url)) {
      throw new TypeError(`the server cannot be ${url}; give an address such as http://127.0.0.1:5757`);
    }
    const tls = config.caFile ? { ca: readFileSync(config.caFile) } : {};
    this.#patience = { url, patienceMs: config.patienceMs ?? 30_000 };
    this.#session = new Http2SessionManager(url, { pingIntervalMs: 20_000 }, tls);
    this.transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: this.#session,
      readMaxBytes: MESSAGE_BYTES,
      writeMaxBytes: MESSAGE_BYTES,
      interceptors: [repeating(this.#patience), carrying(config)],
    });
    this.access = createClient(AccessService, this.transport);
    this.experiments = createClient(ExperimentService, this.transport);
    this.runs = createClient(RunService, this.transport);
    this.metrics = createClient(MetricService, this.transport);
    this.values = createClient(ValueService, this.transport);
    this.artifacts = createClient(ArtifactService, this.transport);
    this.models = createClient(ModelService, this.transport);
    this.versions = createClient(VersionService, this.transport);
    this.transitions = createClient(TransitionService, this.transport);
    this.requests = createClient(RequestService, this.transport);
    this.checks = createClient(CheckService, this.transport);
    this.policies = createClient(PolicyService, this.transport);
    this.webhooks = createClient(WebhookService, this.transport);
    this.lineage = createClient(LineageService, this.transport);
  }

  /** Begins to write metrics of a run. Close the writer, or what was logged last may be lost. */
  openWriter(runId: string, options: WriterOptions = {}): MetricWriter {
    return new MetricWriter(this.metrics, runId, options);
  }

  /** Keeps bytes or a file (by its path) as a file of a run. The server checks size and digest. */
  uploadArtifact(runId: string, path: string, content: ArtifactContent): Promise<File> {
    return upload(this.#patience, this.artifacts, runId, path, content);
  }

  /** Yields the bytes of a file of a run, over as many connections as that takes; throws at the end if they are not those of its digest. */
  downloadArtifact(runId: string, path: string): AsyncGenerator<Uint8Array, File> {
    return download(this.#patience, this.artifacts, runId, path);
  }

  /** Likewise a file of a version, such as `fraud-detector@Production`. */
  downloadVersionFile(reference: string, path: string): AsyncGenerator<Uint8Array, File> {
    return downloadVersionFile(this.#patience, this.versions, reference, path);
  }

  /** Finds the version of a reference: `fraud-detector/3`, `fraud-detector@Production` (a stage, an alias or a label). */
  async resolve(reference: string): Promise<Version> {
    const { version } = await this.versions.getVersion({ reference });
    if (!version) throw new Error(`${reference}: the server names no version`);
    return version;
  }

  /** Yields every change of the registry that is asked for, each once and in order, over as many connections as that takes. */
  watch(options: WatchOptions = {}): AsyncGenerator<AuditRecord, void> {
    return watch(this.#patience, this.transitions, options);
  }

  /** Ends the connection, and with it all that runs on it. */
  close(): void {
    this.#session.abort();
  }
}

function carrying({ token, workspace }: Config): Interceptor {
  return (next) => (request) => {
    if (token) request.header.set("authorization", `Bearer ${token}`);
    if (workspace) request.header.set("herdbook-workspace", workspace);
    return next(request);
  };
}

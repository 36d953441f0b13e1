import { ConnectError } from "@connectrpc/connect";
import { type Answer, useAnswer } from "../api/answer";
import { checks, models, requests, versions } from "../api/registry";
import type { Check } from "../generated/herdbook/registry/v1/check_pb";
import type { Model, Policy, Stage } from "../generated/herdbook/registry/v1/model_pb";
import type { TransitionRequest } from "../generated/herdbook/registry/v1/request_pb";
import type { Version } from "../generated/herdbook/registry/v1/version_pb";
import { quoted } from "./names";

/** Versions of a stage that are read at first, and with each press on more. */
export const COLUMN_PAGE = 25;
/** Versions whose checks are asked for in a call. */
const CHECKS_A_CALL = 100;
const REQUESTS = 100;
const MOST = 1000;

/** A stage with its newest versions. */
export interface Column {
  stage: Stage;
  versions: Version[];
  /** Whether there are more. */
  more: boolean;
  /** How many there are, or that there are at least a hundred. */
  count: string;
}

/** A model, and what stands where in it. */
export interface Standing {
  model: Model;
  policy: Policy;
  columns: Column[];
  /** By the number of the version. */
  checks: Map<bigint, Check[]>;
  /** Open ones. */
  requests: TransitionRequest[];
  /** What could not be read, where the rest could. */
  missing: string[];
}

/** Reads a model with its board: `shown` is how many versions of a stage, where not the first few. */
export function useStanding(name: string, shown: Readonly<Record<string, number>>): Answer<Standing> {
  return useAnswer(`standing ${name} ${JSON.stringify(shown)}`, (signal) => read(name, shown, signal));
}

async function read(
  name: string,
  shown: Readonly<Record<string, number>>,
  signal: AbortSignal,
): Promise<Standing> {
  const missing: string[] = [];
  /** A part without which the page is still of use. */
  const part = async <T>(what: string, asked: Promise<T>, none: T): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (signal.aborted) throw error;
      missing.push(`${what}: ${ConnectError.from(error).rawMessage}`);
      return none;
    }
  };
  const [{ model }, { policy }, open] = await Promise.all([
    models.getModel({ name }, { signal }),
    models.getPolicy({ model: name }, { signal }),
    part(
      "requests",
      requests.listRequests({ model: name, pageSize: REQUESTS }, { signal }).then((page) => page.requests),
      [],
    ),
  ]);
  if (!model || !policy) throw new Error("the server answered without a model");
  const columns = await Promise.all(
    policy.stages.map((stage) => column(model, stage, shown[stage.name] ?? COLUMN_PAGE, signal)),
  );
  const numbers = columns.flatMap((one) => one.versions.map((version) => version.number));
  return {
    model,
    policy,
    columns,
    checks: await part("checks", checksOf(name, numbers, signal), new Map()),
    requests: open,
    missing,
  };
}

async function column(model: Model, stage: Stage, shown: number, signal: AbortSignal): Promise<Column> {
  const page = await versions.searchVersions(
    {
      filter: `name = ${quoted(model.name)} and stage = ${quoted(stage.name)}`,
      orderBy: ["version desc"],
      pageSize: Math.min(MOST, shown),
    },
    { signal },
  );
  const held = model.stages.find((content) => content.stage === stage.name)?.versions.length ?? 0;
  return {
    stage,
    versions: page.versions,
    more: page.nextPageToken !== "" && shown < MOST,
    count: held >= 100 ? "100+" : `${Math.max(held, page.versions.length)}`,
  };
}

async function checksOf(
  model: string,
  numbers: readonly bigint[],
  signal: AbortSignal,
): Promise<Map<bigint, Check[]>> {
  const found = new Map<bigint, Check[]>();
  const calls = [];
  for (let at = 0; at < numbers.length; at += CHECKS_A_CALL) {
    calls.push(checks.listChecks({ model, versions: numbers.slice(at, at + CHECKS_A_CALL) }, { signal }));
  }
  for (const answer of await Promise.all(calls)) {
    for (const check of answer.checks) {
      const known = found.get(check.version);
      if (known) known.push(check);
      else found.set(check.version, [check]);
    }
  }
  return found;
}

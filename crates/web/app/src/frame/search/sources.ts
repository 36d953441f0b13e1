import { experiments, runs } from "../../api/clients";
import { lineage } from "../../api/lineage";
import { models, versions } from "../../api/registry";
import type { Node } from "../../generated/herdbook/lineage/v1/graph_pb";
import { RunStatus } from "../../generated/herdbook/tracking/v1/run_pb";
import { called, kindWords, written } from "../../lineage/nodes";

/** Something that was found by its name. */
export interface Hit {
  id: string;
  title: string;
  detail: string;
  /** Its page, and the entries of its query. */
  to: string;
  query?: Record<string, string>;
  /** What lineage calls it. */
  node?: string;
}

/** Where things are looked for: each asks the server by itself, so that a slow one keeps no other waiting. */
export interface Source {
  name: string;
  find: (text: string, signal: AbortSignal) => Promise<Hit[]>;
}

const EACH = 6;
/** Kinds that have sources of their own. */
const ELSEWHERE = new Set(["run", "model_version"]);

/** A filter by which every word is in the field, in any case. */
export function contains(field: string, text: string): string {
  const words = text.split(/\s+/).filter(Boolean);
  return words
    .map((word) => `${field} ILIKE '%${word.replace(/[\\%_]/g, "\\$&").replaceAll("'", "''")}%'`)
    .join(" and ");
}

export const SOURCES: readonly Source[] = [
  {
    name: "Experiments",
    find: async (text, signal) => {
      const filter = contains("attributes.name", text);
      const found = await experiments.searchExperiments({ filter, pageSize: EACH }, { signal });
      return found.experiments.map(({ id, name, description }) => ({
        id: `experiment ${id}`,
        title: name,
        detail: description.split("\n", 1)[0] ?? "",
        to: `/experiments/${id}`,
      }));
    },
  },
  { name: "Runs", find: findRuns },
  {
    name: "Models",
    find: async (text, signal) => {
      const found = await models.searchModels({ filter: contains("name", text), pageSize: EACH }, { signal });
      return found.models.map(({ name, description }) => ({
        id: `model ${name}`,
        title: name,
        detail: description.split("\n", 1)[0] ?? "",
        to: `/models/${encodeURIComponent(name)}`,
      }));
    },
  },
  { name: "Versions", find: findVersions },
  {
    name: "Lineage",
    find: async (text, signal) =>
      (await findNodes(text, [], signal)).filter((hit) => !ELSEWHERE.has(hit.node?.split(":", 1)[0] ?? "")),
  },
];

/** Runs by their names, or by the beginning of an id. */
export async function findRuns(text: string, signal: AbortSignal): Promise<Hit[]> {
  const id = /^[0-9a-f]{6,32}$/.test(text) ? ` or attributes.run_id LIKE '${text}%'` : "";
  const found = await runs.searchRuns(
    {
      filter: `${contains("attributes.name", text)}${id}`,
      columns: ["attributes.name", "attributes.status", "attributes.user"],
      pageSize: EACH,
    },
    { signal },
  );
  return found.runs.map((run) => ({
    id: `run ${run.id}`,
    title: run.name || run.id,
    detail: [RunStatus[run.status]?.toLowerCase(), run.user].filter(Boolean).join(" · "),
    to: `/runs/${run.id}`,
    node: `run:${run.id}`,
  }));
}

/** Versions by the names of their models and what follows: `fraud/3`, `fraud 3`, `fraud production`. */
export async function findVersions(text: string, signal: AbortSignal): Promise<Hit[]> {
  const [, name = text, rest] = /^(.*?)(?:[\s/@]+v?([\w.]+))?$/.exec(text.trim()) ?? [];
  const whole = contains("name", text);
  const number = /^\d+$/.test(rest ?? "") ? [`version = ${rest}`] : [];
  const behind =
    rest && name
      ? ` or (${contains("name", name)} and (${[contains("stage", rest), contains("label", rest), ...number].join(" or ")}))`
      : "";
  const found = await versions.searchVersions({ filter: `${whole}${behind}`, pageSize: EACH }, { signal });
  return found.versions.map((version) => ({
    id: `version ${version.model}/${version.number}`,
    title: `${version.model}/${version.number}`,
    detail: [version.stage, version.label].filter(Boolean).join(" · "),
    to: `/models/${encodeURIComponent(version.model)}/${version.number}`,
    node: `model_version:${version.model}@${version.number}`,
  }));
}

/** What lineage has by a part of its name, or by the beginning of a digest. */
export async function findNodes(text: string, kinds: readonly string[], signal: AbortSignal): Promise<Hit[]> {
  const found = await lineage.searchNodes({ text, kinds: [...kinds], limit: 2 * EACH }, { signal });
  return found.names.flatMap(({ latest, versions: known }) => (latest?.key ? [hitOf(latest, known)] : []));
}

function hitOf(latest: Node, known: number): Hit {
  const key = latest.key ?? { kind: "", name: "", version: "" };
  const node = written(key);
  const { title, detail } = called(latest);
  const others = known > 1 ? `latest of ${known}` : "";
  return {
    id: node,
    title,
    detail: [kindWords(key.kind).one, detail, others].filter(Boolean).join(" · "),
    to: "/lineage",
    query: { node },
    node,
  };
}

import { bytes, count } from "../format/numbers";
import type { Node, NodeKey } from "../generated/herdbook/lineage/v1/graph_pb";

/** What names a node, without the rest of the message. */
export type Key = Pick<NodeKey, "kind" | "name" | "version">;
/** What is known of a node; of one that is only the end of an edge, its key. */
export type Known = Pick<Node, "attributes" | "tags"> & { key?: Key | undefined };

/** A node as requests write it. */
export function written({ kind, name, version }: Key): string {
  // Without the last `@` a name with one would be read as a name and a version.
  if (!version) return name.includes("@") ? `${kind}:${name}@` : `${kind}:${name}`;
  return `${kind}:${name}@${version}`;
}

/** The parts of a reference, split at the last `@`. */
export function parsed(text: string): Key | undefined {
  const colon = text.indexOf(":");
  if (colon <= 0) return undefined;
  const rest = text.slice(colon + 1);
  const at = rest.lastIndexOf("@");
  return {
    kind: text.slice(0, colon),
    name: at > 0 ? rest.slice(0, at) : rest,
    version: at > 0 ? rest.slice(at + 1) : "",
  };
}

interface KindWords {
  one: string;
  many: string;
}

/** What things of each kind are called, in the order in which people ask for them. */
export const KINDS: Record<string, KindWords> = {
  dataset: { one: "data set", many: "data sets" },
  feature_set: { one: "feature set", many: "feature sets" },
  column: { one: "column", many: "columns" },
  code: { one: "state of code", many: "states of code" },
  environment: { one: "environment", many: "environments" },
  pipeline: { one: "pipeline", many: "pipelines" },
  run: { one: "run", many: "runs" },
  artifact: { one: "artifact", many: "artifacts" },
  logged_model: { one: "logged model", many: "logged models" },
  model_version: { one: "model version", many: "model versions" },
  deployment: { one: "stay in a stage", many: "stays in stages" },
};

export function kindWords(kind: string): KindWords {
  const words = kind.replaceAll("_", " ");
  return KINDS[kind] ?? { one: words, many: `${words} nodes` };
}

/** 3 data sets */
export function several(number: number, kind: string): string {
  const { one, many } = kindWords(kind);
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** What a node is called and what else tells it apart, as people read them. */
export function called(node: Known): { title: string; detail: string } {
  const { kind = "", name = "", version = "" } = node.key ?? {};
  const fact = (key: string) => node.attributes[key] ?? "";
  const joined = (...parts: string[]) => parts.filter(Boolean).join(" · ");
  switch (kind) {
    case "run":
      return {
        title: fact("name") || name.slice(0, 12),
        detail: joined(fact("status").toLowerCase(), fact("user")),
      };
    case "model_version":
      return { title: `${name}/${version}`, detail: joined(fact("stage"), fact("label")) };
    case "code":
      return { title: tail(name), detail: joined(brief(version), fact("branch")) };
    case "environment": {
      const packages = fact("requirements").split("\n").filter(Boolean).length;
      const python = fact("python_version");
      return {
        title: python ? `Python ${python}` : name,
        detail: joined(packages ? `${count(packages)} packages` : "", fact("platform")),
      };
    }
    case "artifact": {
      const size = Number(fact("size"));
      return {
        title: name.slice(name.indexOf("/") + 1),
        detail: joined(size ? bytes(size) : "", brief(version)),
      };
    }
    case "deployment":
      return { title: `${fact("model") || name}/${fact("version")} in ${fact("stage")}`, detail: stay(node) };
    case "column":
      return { title: name, detail: fact("dataset") };
    case "logged_model":
      return { title: fact("name") || name, detail: fact("type") };
    default:
      return { title: name, detail: brief(version) };
  }
}

/** From when to when a version stood in a stage. */
function stay(node: Known): string {
  const day = (time: string) => time.slice(0, 10);
  const { entered_at: from = "", left_at: until = "" } = node.attributes;
  return from ? `${day(from)} to ${until ? day(until) : "now"}` : "";
}

/** A digest, a commit or another version, as far as one compares it by eye. */
export function brief(version: string): string {
  const digest = /^(?:(?:sha256|sha1|md5):)?([0-9a-f]{16,})(\+.*)?$/.exec(version);
  if (digest) return `${digest[1]?.slice(0, 10)}…${digest[2] ? " with changes" : ""}`;
  return version;
}

function tail(address: string): string {
  return (
    address
      .replace(/\.git$/, "")
      .split(/[/:]/)
      .filter(Boolean)
      .at(-1) ?? address
  );
}

/** The page of the thing itself, where it has one. */
export function pageOf(key: Key): string | undefined {
  switch (key.kind) {
    case "run":
      return /^[0-9a-f]{32}$/.test(key.name) ? `/runs/${key.name}` : undefined;
    case "artifact":
      return /^[0-9a-f]{32}\//.test(key.name) ? `/runs/${key.name.slice(0, 32)}` : undefined;
    case "model_version":
      return `/models/${encodeURIComponent(key.name)}/${key.version}`;
    case "deployment":
      return `/models/${encodeURIComponent(key.name)}`;
    default:
      return undefined;
  }
}

import type { Version } from "../generated/herdbook/registry/v1/version_pb";

/** v7, or v7 (1.3.0) where it has a label. */
export function versionName(version: { number: bigint; label: string }): string {
  return version.label ? `v${version.number} (${version.label})` : `v${version.number}`;
}

/** The path of a model's page, or of a part of it. Names may have nearly every character. */
export function modelPath(model: string, part?: string | bigint): string {
  const path = `/models/${encodeURIComponent(model)}`;
  return part === undefined ? path : `${path}/${part}`;
}

/** The node of a version, as lineage writes it. */
export function lineageNode(version: Pick<Version, "model" | "number">): string {
  return `model_version:${version.model}@${version.number}`;
}

/** A text as filters of the registry quote it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

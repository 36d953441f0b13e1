import type { ColumnImpact, ColumnLinks, FoundColumn } from "../../generated/herdbook/lineage/v1/column_pb";
import { EdgeType } from "../../generated/herdbook/lineage/v1/graph_pb";
import { type Key, written } from "../nodes";
import { type Link, linkId, type Member, type Pedigree } from "./pedigree";

/** A column of a data set; the data set as a whole if the field is empty. */
export interface Place {
  node: Key;
  field: string;
}

/** A pedigree of which the nodes are columns, and where each of them is. */
export interface ColumnPedigree extends Pedigree {
  places: ReadonlyMap<string, Place>;
}

interface Found {
  columns: readonly FoundColumn[];
  links: readonly ColumnLinks[];
  truncated: boolean;
}

/** The nearest columns, as many as a picture has, with the ways to the versions that descend from them. */
export function ofColumns(
  found: Found,
  impacts: readonly ColumnImpact[],
  sign: 1 | -1,
  most: number,
): ColumnPedigree {
  const members = new Map<string, Member>();
  const places = new Map<string, Place>();
  const focus = new Set<string>();
  const links = new Map<string, Link>();
  const add = (node: Key | undefined, field: string, depth: number) => {
    if (!node) return;
    const id = idOf(node, field);
    if (members.has(id)) return;
    members.set(id, memberOf(id, node, field, depth));
    places.set(id, { node, field });
  };
  const join = (source: string, target: string, label: string) => {
    if (source === target || !members.has(source) || !members.has(target)) return;
    const link = { source, target, type: EdgeType.DERIVED_FROM, label };
    links.set(linkId(link), link);
  };

  for (const { column, depth } of found.columns.slice(0, most)) {
    add(column?.node, column?.field ?? "", depth ? sign * depth : 0);
    if (depth === 0 && column?.node) focus.add(idOf(column.node, column.field));
  }
  for (const { path, version } of impacts) {
    for (const [at, { node, field }] of path.entries()) add(node, field, at);
    const last = path.at(-1)?.node;
    const member = last && members.get(idOf(last, ""));
    if (member && version) members.set(member.id, { ...member, node: version });
  }
  for (const { source, target, links: own } of found.links) {
    for (const { sourceField, targetField, type, subtype } of own) {
      if (source && target)
        join(idOf(source, sourceField), idOf(target, targetField), howOf({ type, subtype }));
    }
  }
  for (const { path } of impacts) {
    for (const [at, { node, field }] of path.entries()) {
      const next = path[at + 1];
      if (node && next?.node) join(idOf(node, field), idOf(next.node, next.field), "");
    }
  }
  const truncated = found.truncated || found.columns.length > most;
  return { members, links: [...links.values()], focus, truncated, places };
}

/** How a column came from another, in a word or two. */
export function howOf(link: { type: string; subtype: string; masking?: boolean }): string {
  const { type, subtype, masking } = link;
  return [type, subtype, masking ? "masked" : ""].filter(Boolean).join(" · ").toLowerCase();
}

function idOf(node: Key, field: string): string {
  return field ? `${written(node)}\n${field}` : written(node);
}

function memberOf(id: string, node: Key, field: string, depth: number): Member {
  const key = field ? { kind: "column", name: field, version: "" } : node;
  const attributes: Record<string, string> = field ? { dataset: node.name } : {};
  return { id, key, node: { key, attributes, tags: [] }, depth };
}

import type { EdgeType, Graph, Path } from "../../generated/herdbook/lineage/v1/graph_pb";
import { type Key, type Known, written } from "../nodes";

/** A node of a picture. */
export interface Member {
  id: string;
  key: Key;
  node: Known;
  /** Fewest edges from what was asked about: below 0 what it came from, above 0 what came of it. */
  depth: number;
}

/** The target came from the source. */
export interface Link {
  source: string;
  target: string;
  type: EdgeType;
  label: string;
  /** How many nodes that are not shown lie between. */
  skipped?: number;
}

/** What is to be drawn: nodes, and what came from what. */
export interface Pedigree {
  members: ReadonlyMap<string, Member>;
  links: readonly Link[];
  /** What was asked about. */
  focus: ReadonlySet<string>;
  /** Whether there is more than this. */
  truncated: boolean;
}

export const EMPTY: Pedigree = { members: new Map(), links: [], focus: new Set(), truncated: false };

function idOf(key: Key | undefined): string {
  return key ? written(key) : "";
}

/** Ancestors (`sign` -1) or descendants (1), as the server answered. */
export function ofGraph(graph: Graph | undefined, sign: 1 | -1): Pedigree {
  if (!graph) return EMPTY;
  const members = new Map<string, Member>();
  const focus = new Set<string>();
  for (const { node, depth } of graph.nodes) {
    if (!node?.key) continue;
    const id = idOf(node.key);
    members.set(id, { id, key: node.key, node, depth: depth ? sign * depth : 0 });
    if (depth === 0) focus.add(id);
  }
  const links = graph.edges.map(({ source, target, type, label }) => ({
    source: idOf(source),
    target: idOf(target),
    type,
    label,
  }));
  return { members, links, focus, truncated: graph.truncated };
}

/** Nodes of ways, each told from its ancestor on; what is asked about stands at their starts or their ends. */
export function ofPaths(paths: readonly Path[], asked: "start" | "end"): Pedigree {
  const members = new Map<string, Member>();
  const focus = new Set<string>();
  const links = new Map<string, Link>();
  for (const path of paths) {
    path.nodes.forEach((node, at) => {
      const id = idOf(node.key);
      if (!node.key || members.has(id)) return;
      const depth = asked === "start" ? at : at - path.nodes.length + 1;
      members.set(id, { id, key: node.key, node, depth });
      if (depth === 0) focus.add(id);
    });
    for (const { source, target, type, label } of path.edges) {
      const link = { source: idOf(source), target: idOf(target), type, label };
      links.set(linkId(link), link);
    }
  }
  return { members, links: [...links.values()], focus, truncated: false };
}

/** Both together; where they tell of the same node, what is nearer counts. */
export function joined(one: Pedigree, other: Pedigree): Pedigree {
  const members = new Map(one.members);
  for (const [id, member] of other.members) {
    const known = members.get(id);
    if (!known || Math.abs(member.depth) < Math.abs(known.depth)) members.set(id, member);
  }
  const links = new Map([...one.links, ...other.links].map((link) => [linkId(link), link]));
  return {
    members,
    links: [...links.values()],
    focus: new Set([...one.focus, ...other.focus]),
    truncated: one.truncated || other.truncated,
  };
}

export function linkId({ source, target, type, label }: Link): string {
  return `${source}\n${target}\n${type}\n${label}`;
}

/**
 * Without the nodes of the other kinds, what was asked about excepted. Where such stood between two, a link
 * leads past them, so that what came from what stays to be seen.
 */
export function ofKinds(pedigree: Pedigree, kinds: readonly string[]): Pedigree {
  if (kinds.length === 0) return pedigree;
  const shows = (id: string) => {
    const member = pedigree.members.get(id);
    return member !== undefined && (pedigree.focus.has(id) || kinds.includes(member.key.kind));
  };
  const outgoing = grouped(pedigree.links, (link) => link.source);
  const links = new Map<string, Link>();
  const members = new Map([...pedigree.members].filter(([id]) => shows(id)));
  for (const id of members.keys()) {
    const seen = new Set<string>();
    let front = (outgoing.get(id) ?? []).map((link) => ({ link, skipped: 0 }));
    while (front.length > 0) {
      const next: typeof front = [];
      for (const { link, skipped } of front) {
        if (shows(link.target)) {
          const past = skipped ? { ...link, source: id, label: "", skipped } : link;
          const known = links.get(`${id}\n${link.target}`);
          if (!known || (known.skipped ?? 0) > skipped) links.set(`${id}\n${link.target}`, past);
        } else if (!seen.has(link.target)) {
          seen.add(link.target);
          for (const onward of outgoing.get(link.target) ?? [])
            next.push({ link: onward, skipped: skipped + 1 });
        }
      }
      front = next;
    }
  }
  return { ...pedigree, members, links: [...links.values()] };
}

/** The nodes of each kind, by the order of kinds, without what was asked about. */
export function byKind(pedigree: Pedigree, order: readonly string[]): [string, Member[]][] {
  const others = [...pedigree.members.values()].filter(({ id }) => !pedigree.focus.has(id));
  const groups = grouped(others, ({ key }) => key.kind);
  const rank = (kind: string) => (order.indexOf(kind) < 0 ? order.length : order.indexOf(kind));
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
}

export function grouped<T>(all: Iterable<T>, by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(by(one));
    if (group) group.push(one);
    else groups.set(by(one), [one]);
  }
  return groups;
}

import { grouped, type Member, type Pedigree } from "./pedigree";

/** A shape of the picture: a node, or a bundle of some that are folded together. */
export type Box = { id: string; kind: string } & (
  | { member: Member; bundle?: never }
  | { bundle: { key: string; size: number; depth: number }; member?: never }
);

/** A line of the picture. */
export interface Line {
  id: string;
  source: string;
  target: string;
  /** Edges that it stands for. */
  edges: number;
  /** Whether nodes that are not shown lie between. */
  indirect: boolean;
  /** Whether it leads from a bundle to what is farther away, or from that into one: then it may go backwards. */
  weak: boolean;
}

export interface Folded {
  boxes: Box[];
  lines: Line[];
  /** The box in which each node is. */
  boxOf: ReadonlyMap<string, string>;
}

/** Shapes at first, and as many more with each opening. */
export const AT_FIRST = 40;
/** Bundles of what is farthest, where there are too many bundles themselves. */
const FARTHEST = { before: "farther-back", after: "farther-on" };

/**
 * Folds what is alike: nodes of one kind at one distance. The nearest are unfolded as far as there is room; a
 * bundle that is in `open` shows some of its nodes, once more for each time that it is there. Nodes in `kept`
 * are never folded.
 */
export function fold(pedigree: Pedigree, open: readonly string[], kept: ReadonlySet<string>): Folded {
  const opened = (key: string) => open.filter((one) => one === key).length;
  const boxes: Box[] = [];
  const boxOf = new Map<string, string>();
  const show = (member: Member) => {
    boxes.push({ id: member.id, kind: member.key.kind, member });
    boxOf.set(member.id, member.id);
  };
  const bundle = (key: string, kind: string, members: readonly Member[]) => {
    const [only] = members;
    if (!only) return;
    if (members.length === 1) {
      show(only);
      return;
    }
    const id = `bundle:${key}`;
    boxes.push({ id, kind, bundle: { key, size: members.length, depth: only.depth } });
    for (const member of members) boxOf.set(member.id, id);
  };

  const foldable: Member[] = [];
  for (const member of pedigree.members.values()) {
    if (kept.has(member.id) || pedigree.focus.has(member.id)) show(member);
    else foldable.push(member);
  }
  const groups = grouped(foldable, ({ depth, key }) => `${depth}.${key.kind}`);
  const nearest = [...groups].sort(
    ([, [a]], [, [b]]) =>
      Math.abs(a?.depth ?? 0) - Math.abs(b?.depth ?? 0) || (a?.depth ?? 0) - (b?.depth ?? 0),
  );
  const room = AT_FIRST * (1 + opened(FARTHEST.before) + opened(FARTHEST.after)) - boxes.length;
  // Two are left for what is farthest, where not all bundles have a place.
  const shown = nearest.length <= room ? nearest : nearest.slice(0, Math.max(0, room - 2));
  let left = room - shown.length;
  for (const [key, members] of shown) {
    const kind = members[0]?.key.kind ?? "";
    const times = opened(key);
    if (times > 0) {
      members.slice(0, times * AT_FIRST).forEach(show);
      bundle(key, kind, members.slice(times * AT_FIRST));
    } else if (members.length - 1 <= left) {
      left -= members.length - 1;
      members.forEach(show);
    } else bundle(key, kind, members);
  }
  const rest = nearest.slice(shown.length).flatMap(([, members]) => members);
  bundle(
    FARTHEST.before,
    "",
    rest.filter(({ depth }) => depth < 0),
  );
  bundle(
    FARTHEST.after,
    "",
    rest.filter(({ depth }) => depth >= 0),
  );

  const depthOf = new Map(boxes.flatMap((box) => (box.bundle ? [[box.id, box.bundle.depth]] : [])));
  const lines = new Map<string, Line>();
  for (const { source, target, skipped } of pedigree.links) {
    const from = boxOf.get(source);
    const to = boxOf.get(target);
    if (!from || !to || from === to) continue;
    const id = `${from}\n${to}`;
    const line = lines.get(id);
    const indirect = skipped !== undefined;
    if (line) {
      line.edges += 1;
      line.indirect &&= indirect;
    } else {
      const bundled = depthOf.get(from) !== undefined || depthOf.get(to) !== undefined;
      const depth = (box: string, member: string) =>
        depthOf.get(box) ?? pedigree.members.get(member)?.depth ?? 0;
      const weak = bundled && depth(from, source) > depth(to, target);
      lines.set(id, { id, source: from, target: to, edges: 1, indirect, weak });
    }
  }
  return { boxes, lines: [...lines.values()], boxOf };
}

import { describe, expect, it } from "vitest";
import { EdgeType } from "../../generated/herdbook/lineage/v1/graph_pb";
import type { Key } from "../nodes";
import { parsed, written } from "../nodes";
import { AT_FIRST, fold } from "./fold";
import { BOX, layout } from "./layout";
import { joined, type Link, type Member, ofKinds, type Pedigree } from "./pedigree";
import { rank } from "./rank";

function member(text: string, depth: number): Member {
  const key = parsed(text) ?? { kind: "", name: text, version: "" };
  return { id: text, key, node: { key, attributes: {}, tags: [] }, depth };
}

function link(source: string, target: string): Link {
  return { source, target, type: EdgeType.USED, label: "" };
}

function pedigree(members: Member[], links: Link[]): Pedigree {
  const focus = new Set(members.filter(({ depth }) => depth === 0).map(({ id }) => id));
  return { members: new Map(members.map((one) => [one.id, one])), links, focus, truncated: false };
}

/** A version from a run, which used data and left many files. */
function family(files: number): Pedigree {
  const left = Array.from({ length: files }, (_, at) => `artifact:r/${at}@sha256:${at}`);
  return pedigree(
    [
      member("model_version:m@1", 0),
      member("run:r", -1),
      member("dataset:raw@1", -2),
      ...left.map((id) => member(id, -2)),
    ],
    [
      link("run:r", "model_version:m@1"),
      link("dataset:raw@1", "run:r"),
      ...left.map((id) => link(id, "run:r")),
    ],
  );
}

it("writes a node so that it is read again as the same", () => {
  const keys: Key[] = [
    { kind: "dataset", name: "loans", version: "sha256:00ff" },
    { kind: "code", name: "git@github.com:org/repo", version: "4f2a" },
    { kind: "run", name: "r", version: "" },
  ];
  for (const key of keys) expect(parsed(written(key))).toEqual(key);
  expect(written({ kind: "dataset", name: "a@b", version: "" })).toBe("dataset:a@b@");
});

describe("folding", () => {
  it("leaves what has room as it is", () => {
    const { boxes, lines } = fold(family(10), [], new Set());
    expect(boxes).toHaveLength(13);
    expect(lines).toHaveLength(12);
    expect(boxes.every((box) => box.member)).toBe(true);
  });

  it("bundles what is alike, counts it, and opens it in parts", () => {
    const whole = family(100);
    const first = fold(whole, [], new Set());
    expect(first.boxes.length).toBeLessThanOrEqual(AT_FIRST);
    const bundle = first.boxes.find((box) => box.bundle);
    expect(bundle?.bundle).toMatchObject({ size: 100 });
    expect(first.lines.find(({ source }) => source === bundle?.id)?.edges).toBe(100);
    const key = bundle?.bundle?.key ?? "";
    expect(fold(whole, [key], new Set()).boxes.find((box) => box.bundle)?.bundle?.size).toBe(100 - AT_FIRST);
    expect(fold(whole, [key, key, key], new Set()).boxes.filter((box) => box.bundle)).toHaveLength(0);
  });

  it("never folds what must be seen", () => {
    const kept = "artifact:r/77@sha256:77";
    const { boxes, boxOf } = fold(family(100), [], new Set([kept]));
    expect(boxes.find(({ id }) => id === kept)?.member).toBeDefined();
    expect(boxOf.get(kept)).toBe(kept);
  });

  it("folds a long descent from its far end", () => {
    const chain = Array.from({ length: 500 }, (_, at) => member(`dataset:d${at}`, -at));
    const links = chain.slice(1).map(({ id }, at) => link(id, chain[at]?.id ?? ""));
    const { boxes } = fold(pedigree(chain, links), [], new Set());
    expect(boxes.length).toBeLessThanOrEqual(AT_FIRST);
    const far = boxes.find((box) => box.bundle);
    expect(far?.bundle?.key).toBe("farther-back");
    expect((far?.bundle?.size ?? 0) + boxes.length - 1).toBe(500);
    const more = fold(pedigree(chain, links), ["farther-back"], new Set());
    expect(more.boxes.length).toBeGreaterThan(AT_FIRST);
  });
});

it("shows kinds alone, with links past what lay between", () => {
  const whole = pedigree(
    [member("model_version:m@1", 0), member("run:r", -1), member("dataset:d@1", -2), member("code:c@1", -2)],
    [link("run:r", "model_version:m@1"), link("dataset:d@1", "run:r"), link("code:c@1", "run:r")],
  );
  const data = ofKinds(whole, ["dataset"]);
  expect([...data.members.keys()].sort()).toEqual(["dataset:d@1", "model_version:m@1"]);
  expect(data.links).toMatchObject([{ source: "dataset:d@1", target: "model_version:m@1", skipped: 1 }]);
});

it("joins what something came from with what came of it", () => {
  const back = pedigree([member("run:r", 0), member("dataset:d@1", -1)], [link("dataset:d@1", "run:r")]);
  const on = pedigree(
    [member("run:r", 0), member("model_version:m@1", 1)],
    [link("run:r", "model_version:m@1")],
  );
  const both = joined(back, on);
  expect([...both.members.values()].map(({ depth }) => depth).sort()).toEqual([-1, 0, 1]);
  expect(both.links).toHaveLength(2);
});

describe("the layout", () => {
  it("puts what came from something to its right, and no box on another", () => {
    const lines: [number, number][] = [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
      [0, 3],
      [3, 4],
    ];
    const { x, y, width, height } = layout({ boxes: 5, lines });
    for (const [source, target] of lines) {
      expect((x[target] ?? 0) - (x[source] ?? 0)).toBeGreaterThanOrEqual(BOX.width);
    }
    for (let one = 0; one < 5; one++) {
      expect((x[one] ?? 0) + BOX.width / 2).toBeLessThanOrEqual(width);
      expect((y[one] ?? 0) + BOX.height / 2).toBeLessThanOrEqual(height);
      for (let other = 0; other < one; other++) {
        const apart = Math.abs((x[one] ?? 0) - (x[other] ?? 0)) >= BOX.width;
        expect(apart || Math.abs((y[one] ?? 0) - (y[other] ?? 0)) >= BOX.height).toBe(true);
      }
    }
  });

  it("draws lines that begin and end at their boxes, and turn at right angles alone", () => {
    const lines: [number, number][] = [
      [0, 2],
      [1, 2],
      [2, 3],
      [0, 3],
    ];
    const placed = layout({ boxes: 4, lines });
    placed.lines.forEach((path, line) => {
      const [source = 0, target = 0] = lines[line] ?? [];
      expect(path).toMatch(/^M[\d.]+ [\d.]+(?:H[\d.]+V[\d.]+)*H[\d.]+$/);
      const [, startX, startY] = /^M([\d.]+) ([\d.]+)/.exec(path) ?? [];
      expect(Number(startX)).toBe((placed.x[source] ?? 0) + BOX.width / 2);
      expect(Number(startY)).toBe(placed.y[source]);
      expect(Number(/H([\d.]+)$/.exec(path)?.[1])).toBe((placed.x[target] ?? 0) - BOX.width / 2);
      const lastY = [...path.matchAll(/V([\d.]+)/g)].at(-1)?.[1] ?? startY;
      expect(Number(lastY)).toBe(placed.y[target]);
    });
  });
});

describe("ranks", () => {
  it("put what something came from before it, and code by its runs", () => {
    // A chain of four, and code that the last alone used.
    const lines: [number, number][] = [
      [0, 1],
      [1, 2],
      [2, 3],
      [4, 3],
    ];
    expect(rank(5, lines)).toEqual([0, 1, 2, 3, 2]);
  });

  it("come to an end where bundles go round in a circle", () => {
    const ranks = rank(3, [
      [0, 1],
      [1, 2],
      [2, 0],
    ]);
    expect([...ranks].sort()).toEqual([0, 1, 2]);
  });
});

it("lays out a long descent in which one thing went into everything", () => {
  const length = 300;
  const lines: [number, number][] = [];
  for (let box = 2; box < length; box++) lines.push([box - 1, box], [0, box]);
  const { lines: paths, height } = layout({ boxes: length, lines });
  expect(paths.filter((path) => !/^M[\d.]+ [\d.]+(?:H[\d.]+V[\d.]+)*H[\d.]+$/.test(path))).toEqual([]);
  expect(height).toBeLessThan(2000);
}, 60_000);

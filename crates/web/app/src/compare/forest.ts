/**
 * A random forest for regression, and what each feature is worth to it: by how much the error grows for samples that
 * a tree did not see when the feature's values are shuffled among them (Breiman, "Random Forests", Machine Learning
 * 45, 2001: bagging, a random choice of features at each split, out-of-bag permutation importance).
 */
export interface Feature {
  /** One a sample: a number, or the number of a category; NaN where there is none. */
  values: readonly number[];
  /** Whether the numbers stand for categories, of which one is split off at a time. */
  isCategory: boolean;
}

export interface Forest {
  /** One a feature, adding up to 1 unless all are 0; what made nothing worse when shuffled has 0. */
  importance: number[];
  /** The part of the variance that trees explain of samples they did not see: at most 1, 0 or less for nothing. */
  explained: number;
}

const TREES = 200;
const LEAF = 3;
const DEPTH = 12;

/** Numbers of a chance that is the same each time, so that the same runs give the same answer. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // mulberry32, by Tommy Ettinger, in the public domain.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Tree = { mean: number } | { feature: number; cut: number; isCategory: boolean; left: Tree; right: Tree };

export function forestOf(features: readonly Feature[], target: readonly number[]): Forest {
  const random = chance(1);
  const samples = target.length;
  const sums = new Float64Array(samples);
  const votes = new Uint32Array(samples);
  const grown = features.map(() => 0);
  for (let number = 0; number < TREES; number++) {
    const bag = Array.from({ length: samples }, () => Math.floor(random() * samples));
    const inBag = new Set(bag);
    const out = target.map((_, sample) => sample).filter((sample) => !inBag.has(sample));
    const tree = grow(features, target, bag, random, 0);
    let error = 0;
    for (const sample of out) {
      const guess = guessOf(tree, features, sample);
      sums[sample] = (sums[sample] ?? 0) + guess;
      votes[sample] = (votes[sample] ?? 0) + 1;
      error += (guess - (target[sample] ?? 0)) ** 2;
    }
    for (const [at] of features.entries()) {
      const shuffled = shuffle(out, random);
      let worse = 0;
      for (const [place, sample] of out.entries()) {
        const guess = guessOf(tree, features, sample, at, shuffled[place]);
        worse += (guess - (target[sample] ?? 0)) ** 2;
      }
      if (out.length) grown[at] = (grown[at] ?? 0) + (worse - error) / out.length;
    }
  }
  const whole = grown.reduce((sum, one) => sum + Math.max(0, one), 0);
  return {
    importance: grown.map((one) => (whole > 0 ? Math.max(0, one) / whole : 0)),
    explained: explained(target, sums, votes),
  };
}

function explained(target: readonly number[], sums: Float64Array, votes: Uint32Array): number {
  const judged = target.map((_, sample) => sample).filter((sample) => votes[sample]);
  const mean = judged.reduce((sum, sample) => sum + (target[sample] ?? 0), 0) / judged.length;
  let [left, whole] = [0, 0];
  for (const sample of judged) {
    const value = target[sample] ?? 0;
    left += (value - (sums[sample] ?? 0) / (votes[sample] ?? 1)) ** 2;
    whole += (value - mean) ** 2;
  }
  return whole > 0 ? 1 - left / whole : 0;
}

function grow(
  features: readonly Feature[],
  target: readonly number[],
  bag: readonly number[],
  random: () => number,
  depth: number,
): Tree {
  const mean = bag.reduce((sum, sample) => sum + (target[sample] ?? 0), 0) / bag.length;
  if (depth >= DEPTH || bag.length < 2 * LEAF) return { mean };
  const tried = shuffle([...features.keys()], random).slice(0, Math.max(1, Math.ceil(features.length / 3)));
  let best: { feature: number; cut: number; isCategory: boolean; gain: number } | undefined;
  for (const feature of tried) {
    const found = bestCut(features[feature], target, bag);
    if (found && found.gain > (best?.gain ?? 1e-12)) {
      best = { feature, isCategory: features[feature]?.isCategory ?? false, ...found };
    }
  }
  if (!best) return { mean };
  const { feature, cut, isCategory } = best;
  const goesLeft = (sample: number) => isLeft(features[feature]?.values[sample], cut, isCategory);
  const left = bag.filter(goesLeft);
  const right = bag.filter((sample) => !goesLeft(sample));
  return {
    feature,
    cut,
    isCategory,
    left: grow(features, target, left, random, depth + 1),
    right: grow(features, target, right, random, depth + 1),
  };
}

function isLeft(value: number | undefined, cut: number, isCategory: boolean): boolean {
  const given = value ?? Number.NaN;
  // What is missing goes right.
  return isCategory ? given === cut : given <= cut;
}

/** Where a feature splits samples so that the squared errors on both sides are least. */
function bestCut(
  feature: Feature | undefined,
  target: readonly number[],
  bag: readonly number[],
): { cut: number; gain: number } | undefined {
  if (!feature) return undefined;
  const whole = bag.reduce((sum, sample) => sum + (target[sample] ?? 0), 0);
  const score = (sum: number, count: number) =>
    count < LEAF || bag.length - count < LEAF
      ? Number.NEGATIVE_INFINITY
      : sum ** 2 / count + (whole - sum) ** 2 / (bag.length - count) - whole ** 2 / bag.length;
  let best: { cut: number; gain: number } | undefined;
  const offer = (cut: number, sum: number, count: number) => {
    const gain = score(sum, count);
    if (gain > (best?.gain ?? 0)) best = { cut, gain };
  };
  if (feature.isCategory) {
    const totals = new Map<number, { sum: number; count: number }>();
    for (const sample of bag) {
      const value = feature.values[sample] ?? Number.NaN;
      const known = totals.get(value) ?? { sum: 0, count: 0 };
      totals.set(value, { sum: known.sum + (target[sample] ?? 0), count: known.count + 1 });
    }
    for (const [cut, { sum, count }] of totals) if (!Number.isNaN(cut)) offer(cut, sum, count);
    return best;
  }
  const order = bag
    .map((sample) => ({ value: feature.values[sample] ?? Number.NaN, target: target[sample] ?? 0 }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => a.value - b.value);
  let sum = 0;
  for (const [at, { value, target: one }] of order.entries()) {
    sum += one;
    const next = order[at + 1]?.value;
    if (next === undefined || next > value)
      offer(next === undefined ? value : (value + next) / 2, sum, at + 1);
  }
  return best;
}

/** What a tree says of a sample, which may have one feature's value of another. */
function guessOf(
  tree: Tree,
  features: readonly Feature[],
  sample: number,
  swapped = -1,
  other = sample,
): number {
  let at = tree;
  while ("feature" in at) {
    const value = features[at.feature]?.values[at.feature === swapped ? other : sample];
    at = isLeft(value, at.cut, at.isCategory) ? at.left : at.right;
  }
  return at.mean;
}

function shuffle<T>(list: readonly T[], random: () => number): T[] {
  const mixed = [...list];
  for (let at = mixed.length - 1; at > 0; at--) {
    const with_ = Math.floor(random() * (at + 1));
    [mixed[at], mixed[with_]] = [mixed[with_] as T, mixed[at] as T];
  }
  return mixed;
}

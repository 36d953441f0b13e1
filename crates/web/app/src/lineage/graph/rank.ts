/**
 * The column of each box: one more than the farthest of those that it came from, and what came from little but led
 * to much close to that, so that code stands by its runs. A line that would close a circle, as between two bundles,
 * counts for nothing.
 */
export function rank(boxes: number, lines: readonly [number, number][]): number[] {
  const outgoing: number[][] = Array.from({ length: boxes }, () => []);
  for (const [source, target] of lines) if (source !== target) outgoing[source]?.push(target);
  const order = topological(outgoing);
  const placeOf: number[] = [];
  order.forEach((box, place) => {
    placeOf[box] = place;
  });
  const onward = (source: number) =>
    (outgoing[source] ?? []).filter((target) => (placeOf[target] ?? 0) > (placeOf[source] ?? 0));

  const ranks = new Array<number>(boxes).fill(0);
  const entering = new Array<number>(boxes).fill(0);
  for (const source of order) {
    for (const target of onward(source)) {
      ranks[target] = Math.max(ranks[target] ?? 0, (ranks[source] ?? 0) + 1);
      entering[target] = (entering[target] ?? 0) + 1;
    }
  }
  for (const source of order.toReversed()) {
    const targets = onward(source);
    if (targets.length === 0 || targets.length < (entering[source] ?? 0)) continue;
    ranks[source] = Math.min(...targets.map((target) => ranks[target] ?? 0)) - 1;
  }
  return ranks;
}

/** Boxes so that each comes before what came of it, but where that goes round in a circle. */
function topological(outgoing: readonly number[][]): number[] {
  const finished: number[] = [];
  const begun = new Uint8Array(outgoing.length);
  for (let start = 0; start < outgoing.length; start++) {
    if (begun[start]) continue;
    begun[start] = 1;
    const stack = [{ box: start, next: 0 }];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const target = outgoing[top.box]?.[top.next++];
      if (target === undefined) finished.push(stack.pop()?.box ?? 0);
      else if (!begun[target]) {
        begun[target] = 1;
        stack.push({ box: target, next: 0 });
      }
    }
  }
  return finished.reverse();
}

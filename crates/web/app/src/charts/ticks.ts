/** About so many on an axis. */
const WANTED = 6;

/** Round values on an axis: steps of 1, 2 or 5 times a power of ten; powers of ten where it is logarithmic. */
export function ticksOf([low, high]: readonly [number, number], log: boolean): number[] {
  if (!(high > low)) return [low];
  if (log && low > 0 && high / low >= 10) {
    const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
    const every = Math.max(1, Math.ceil((last - first) / WANTED));
    return range(first, last, every).map((power) => 10 ** power);
  }
  const rough = (high - low) / WANTED;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * unit >= rough) ?? 10) * unit;
  return range(Math.ceil(low / step), Math.floor(high / step), 1).map((times) =>
    Number((times * step).toPrecision(12)),
  );
}

function range(first: number, last: number, every: number): number[] {
  return Array.from(
    { length: Math.max(0, Math.floor((last - first) / every) + 1) },
    (_, at) => first + at * every,
  );
}

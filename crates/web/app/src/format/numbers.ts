/** Four significant figures, as tables and charts show numbers; the full value is for hovering and copying. */
export function short(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [digits = "", exponent = ""] = value.toExponential(3).split("e");
    return minus(`${trimmed(digits)}e${exponent.replace("+", "")}`);
  }
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return minus(trimmed(value.toFixed(decimals)));
}

/**
 * The numbers of a column, with as many decimals and the same exponent all along, so that their points stand
 * below each other.
 */
export function column(values: readonly number[]): (value: number) => string {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  if (sizes.length === 0) return short;
  const largest = Math.max(...sizes);
  if (largest >= 1e6 || largest < 1e-4) {
    const exponent = Math.floor(Math.log10(largest));
    return (value) =>
      Number.isFinite(value) ? minus(`${(value / 10 ** exponent).toFixed(3)}e${exponent}`) : short(value);
  }
  const whole = sizes.every(Number.isInteger);
  const decimals = whole ? 0 : Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))));
  return (value) => (Number.isFinite(value) ? minus(value.toFixed(decimals)) : short(value));
}

const COUNT = new Intl.NumberFormat("en-GB");

/** 50,112 */
export function count(value: number | bigint): string {
  return COUNT.format(value);
}

/** 1.2 MB, as file managers write it. */
export function bytes(size: number | bigint): string {
  let value = Number(size);
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

function minus(text: string): string {
  return text.replaceAll("-", "−");
}

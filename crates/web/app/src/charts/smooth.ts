import type { Line } from "./line";

/** More would be a straight line. */
export const MOST = 0.999;

/**
 * The exponential moving mean of a line, without the bias of its beginning: what TensorBoard draws
 * (`tensorboard/components/vz_line_chart2/line-chart.ts`, `resmoothDataset`; the correction is that of Adam,
 * Kingma and Ba 2014). A bucket of many points counts as that many points of its mean, so that a curve looks
 * alike however finely it is read.
 */
export function smooth(line: Line, weight: number): number[] {
  const keep = Math.min(Math.max(weight, 0), MOST);
  if (keep === 0) return line.y;
  let mean = 0;
  let left = 1;
  return line.y.map((value, at) => {
    const count = line.weight[at] ?? 1;
    if (Number.isNaN(value)) return Number.NaN;
    if (count > 0) {
      const kept = keep ** count;
      mean = mean * kept + value * (1 - kept);
      left *= kept;
    }
    return left < 1 ? mean / (1 - left) : value;
  });
}

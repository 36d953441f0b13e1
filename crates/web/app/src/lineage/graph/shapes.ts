import { BOX } from "./layout";

const [W, H] = [BOX.width / 2, BOX.height / 2];
const TIP = 12;

/** The outline of each kind round the middle of a box, as the `d` of a path: data are cylinders, code chevrons. */
const OUTLINES: Record<string, string> = {
  dataset: `M${-W} ${-H + 5}A${W} 5 0 0 1 ${W} ${-H + 5}V${H - 5}A${W} 5 0 0 1 ${-W} ${H - 5}ZA${W} 5 0 0 0 ${W} ${-H + 5}`,
  feature_set: `M${-W + TIP} ${-H}H${W}L${W - TIP} ${H}H${-W}Z`,
  code: `M${-W} ${-H}H${W - TIP}L${W} 0L${W - TIP} ${H}H${-W}L${-W + TIP} 0Z`,
  environment: `M${-W + 8} ${-H}H${W - 8}L${W} ${-H + 8}V${H - 8}L${W - 8} ${H}H${-W + 8}L${-W} ${H - 8}V${-H + 8}Z`,
  pipeline: `M${-W} ${-H}H${W}V${H}H${-W}ZM${-W + 6} ${-H}V${H}M${W - 6} ${-H}V${H}`,
  run: `M${-W} ${-H}H${W}V${H}H${-W}Z`,
  artifact: `M${-W} ${-H}H${W - TIP}L${W} ${-H + TIP}V${H}H${-W}ZM${W - TIP} ${-H}V${-H + TIP}H${W}`,
  logged_model: `M${-W} ${-H}H${W - TIP}L${W} 0L${W - TIP} ${H}H${-W}Z`,
  model_version: `M${-W + TIP} ${-H}H${W - TIP}L${W} 0L${W - TIP} ${H}H${-W + TIP}L${-W} 0Z`,
  deployment: `M${-W + H} ${-H}H${W - H}A${H} ${H} 0 0 1 ${W - H} ${H}H${-W + H}A${H} ${H} 0 0 1 ${-W + H} ${-H}Z`,
};
/** Any kind that a workspace defines. */
const OTHER = `M${-W + 8} ${-H}H${W - 8}Q${W} ${-H} ${W} ${-H + 8}V${H - 8}Q${W} ${H} ${W - 8} ${H}H${-W + 8}Q${-W} ${H} ${-W} ${H - 8}V${-H + 8}Q${-W} ${-H} ${-W + 8} ${-H}Z`;

export function outline(kind: string): string {
  return OUTLINES[kind] ?? OTHER;
}

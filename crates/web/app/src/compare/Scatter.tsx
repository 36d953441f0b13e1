import { type Ref, useMemo } from "react";
import { highlighted } from "../charts/highlight";
import { useWidth } from "../design/useWidth";
import { middle } from "../format/names";
import { count } from "../format/numbers";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { useSignal } from "../state/signal";
import { columnOf, type Value } from "../table/columns";
import { type Scale, scaleOf } from "./scale";

interface Props {
  runs: readonly Run[];
  x: string;
  y: string;
  colour: string | undefined;
  cellsOf: (field: string) => ReadonlyMap<string, Value> | undefined;
  colourOf: (id: string) => string;
  onPick: (id: string) => void;
  drawing: Ref<SVGSVGElement>;
}

const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 28, 40];
const RADIUS = 4;

/** A point a run: how two fields go together, with a third as the colour. */
export function Scatter({ runs, x, y, colour, cellsOf, colourOf, onPick, drawing }: Props) {
  const [place, width] = useWidth();
  const [xs, ys] = [cellsOf(x), cellsOf(y)];
  const shades = colour ? cellsOf(colour) : undefined;
  const scales = useMemo(
    () => ({
      x: scaleOf([...(xs?.values() ?? [])]),
      y: scaleOf([...(ys?.values() ?? [])]),
      colour: shades && scaleOf([...shades.values()]),
    }),
    [xs, ys, shades],
  );
  const span = { x: width - LEFT - RIGHT, y: HEIGHT - TOP - BOTTOM };
  const points = runs.flatMap((run) => {
    const [across, up] = [scales.x.place(xs?.get(run.id)), scales.y.place(ys?.get(run.id))];
    if (across === undefined || up === undefined) return [];
    const shade = scales.colour?.place(shades?.get(run.id));
    const paint = !shades
      ? colourOf(run.id)
      : shade === undefined
        ? "var(--line-strong)"
        : shadeOf(shade, scales.colour);
    return [{ run, left: LEFT + across * span.x, top: TOP + (1 - up) * span.y, paint }];
  });
  const missing = runs.length - points.length;
  return (
    <div ref={place} className="scatter">
      <svg
        ref={drawing}
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${columnOf(y).label} over ${columnOf(x).label}, ${points.length} runs`}
      >
        <path className="axis" d={`M${LEFT} ${TOP}V${TOP + span.y}H${LEFT + span.x}`} />
        {scales.x.ticks.map(({ at, text }) => (
          <text
            key={text}
            className="axis-tick"
            x={LEFT + at * span.x}
            y={TOP + span.y + 16}
            textAnchor="middle"
          >
            {middle(text, 12)}
          </text>
        ))}
        {scales.y.ticks.map(({ at, text }) => (
          <text
            key={text}
            className="axis-tick"
            x={LEFT - 6}
            y={TOP + (1 - at) * span.y + 4}
            textAnchor="end"
          >
            {middle(text, 9)}
          </text>
        ))}
        <text className="axis-name" x={LEFT} y={14} textAnchor="middle">
          {middle(columnOf(y).label, 20)}
          {scales.y.kind === "log" && <tspan className="axis-kind"> log</tspan>}
        </text>
        <text className="axis-name" x={LEFT + span.x / 2} y={HEIGHT - 6} textAnchor="middle">
          {middle(columnOf(x).label, 40)}
          {scales.x.kind === "log" && <tspan className="axis-kind"> log</tspan>}
        </text>
        {points.map(({ run, left, top, paint }) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the runs are links in the table above
          <circle
            key={run.id}
            cx={left}
            cy={top}
            r={RADIUS}
            style={{ fill: paint }}
            onMouseEnter={() => highlighted.set(run.id)}
            onMouseLeave={() => highlighted.set(undefined)}
            onClick={() => onPick(run.id)}
          >
            <title>{`${run.name}\n${columnOf(x).label}: ${xs?.get(run.id)}\n${columnOf(y).label}: ${ys?.get(run.id)}${
              colour ? `\n${columnOf(colour).label}: ${shades?.get(run.id)}` : ""
            }`}</title>
          </circle>
        ))}
        <Ring points={points} />
      </svg>
      {colour && scales.colour && <Legend scale={scales.colour} label={columnOf(colour).label} />}
      {!(xs && ys) ? (
        <p className="soft small">Reading…</p>
      ) : (
        missing > 0 && (
          <p className="soft small">
            {count(missing)} of {count(runs.length)} runs lack one of the two, and are not drawn.
          </p>
        )
      )}
    </div>
  );
}

/** A ring around the run that the pointer is on. */
function Ring({ points }: { points: readonly { run: Run; left: number; top: number }[] }) {
  const on = useSignal(highlighted, (id) => id);
  const point = points.find(({ run }) => run.id === on);
  return point ? <circle className="ring" cx={point.left} cy={point.top} r={RADIUS + 3} /> : null;
}

function Legend({ scale, label }: { scale: Scale; label: string }) {
  return (
    <p className="scatter-legend soft small">
      {middle(label, 40)}
      {scale.ticks.map(({ at, text }) => (
        <span key={text}>
          <i style={{ background: shadeOf(at, scale) }} /> {middle(text, 16)}
        </span>
      ))}
    </p>
  );
}

/** The colour of a place on a scale: categories have hues, numbers go from one hue to another. */
export function shadeOf(at: number, scale: Scale | undefined): string {
  if (scale?.kind === "category" && scale.ticks.length <= 10) {
    const index = scale.ticks.findIndex((tick) => tick.at === at);
    return `var(--series-${Math.max(0, index)})`;
  }
  return `color-mix(in oklab, var(--shade-high) ${(at * 100).toFixed(0)}%, var(--shade-low))`;
}

import { type MouseEvent, type PointerEvent, type Ref, useEffect, useMemo, useRef, useState } from "react";
import { highlighted } from "../charts/highlight";
import { useWidth } from "../design/useWidth";
import { middle } from "../format/names";
import { Notice } from "../frame/States";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { useSignal } from "../state/signal";
import { columnOf, type Value } from "../table/columns";
import { type Scale, scaleOf } from "./scale";

interface Props {
  runs: readonly Run[];
  fields: readonly string[];
  cellsOf: (field: string) => ReadonlyMap<string, Value> | undefined;
  colourOf: (id: string) => string;
  brushes: ReadonlyMap<string, readonly [number, number]>;
  onBrush: (brushes: ReadonlyMap<string, readonly [number, number]>) => void;
  onPick: (id: string) => void;
  drawing: Ref<SVGSVGElement>;
}

interface Axis {
  field: string;
  scale: Scale;
  /** Undefined until they are read. */
  cells: ReadonlyMap<string, Value> | undefined;
  x: number;
}

const HEIGHT = 300;
const [TOP, BOTTOM, SIDE] = [36, 36, 64];
const SPAN = HEIGHT - TOP - BOTTOM;
/** Runs without a value pass below the axis. */
const BELOW = HEIGHT - 14;
/** A brush is at least so long a part of its axis: less is a click, which takes it away. */
const CLICK = 0.02;
const REACH_PX = 12;

/** A line a run across an axis a field: what runs with good values have in common. */
export function Parallel({ runs, fields, cellsOf, colourOf, brushes, onBrush, onPick, drawing }: Props) {
  const [place, width] = useWidth();
  const axes: Axis[] = useMemo(() => {
    const step = (width - 2 * SIDE) / Math.max(1, fields.length - 1);
    return fields.map((field, at) => {
      const cells = cellsOf(field);
      return { field, cells, scale: scaleOf([...(cells?.values() ?? [])]), x: SIDE + at * step };
    });
  }, [fields, cellsOf, width]);
  // What is not read yet is no run without a value: lines pass by its axis, and nothing is counted by it.
  const known = useMemo(() => axes.filter(({ cells }) => cells !== undefined), [axes]);
  const lines = useMemo(
    () =>
      runs.map((run) => ({
        run,
        points: known.map(({ x, scale, cells }) => [x, yOf(scale.place(cells?.get(run.id)))] as const),
        passes: known.every(({ field, scale, cells }) => {
          const brush = brushes.get(field);
          const at = brush && scale.place(cells?.get(run.id));
          return !brush || (at !== undefined && at >= brush[0] && at <= brush[1]);
        }),
      })),
    [runs, known, brushes],
  );
  const passing = lines.filter(({ passes }) => passes);
  if (fields.length < 2) {
    return <Notice title="Two fields at least make parallel coordinates">The runs differ in too few.</Notice>;
  }
  /** The run whose line passes nearest to the pointer, if it is within reach. */
  const nearest = (event: MouseEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best: { id: string; away: number } | undefined;
    for (const { run, points } of passing) {
      const to = points.findIndex(([at]) => at >= x);
      const [right, left] = [points[to], points[to - 1]];
      if (!left || !right) continue;
      const along = (x - left[0]) / (right[0] - left[0]);
      const away = Math.abs(left[1] + along * (right[1] - left[1]) - y);
      if (away <= REACH_PX && away < (best?.away ?? Number.POSITIVE_INFINITY)) best = { id: run.id, away };
    }
    return best?.id;
  };
  const pathOf = (points: readonly (readonly [number, number])[]) =>
    points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return (
    <div ref={place} className="parallel">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the runs are links in the table above */}
      <svg
        ref={drawing}
        width={width}
        height={HEIGHT}
        role="img"
        onMouseMove={(event) => highlighted.set(nearest(event))}
        onMouseLeave={() => highlighted.set(undefined)}
        onClick={(event) => {
          const id = nearest(event);
          if (id && !(event.target as Element).classList.contains("axis-grip")) onPick(id);
        }}
        aria-label={`Parallel coordinates of ${runs.length} runs over ${fields.map((field) => columnOf(field).label).join(", ")}`}
      >
        <g className="parallel-out">
          {lines
            .filter(({ passes }) => !passes)
            .map(({ run, points }) => (
              <path key={run.id} d={pathOf(points)} />
            ))}
        </g>
        <g className={passing.length > 30 ? "parallel-lines many" : "parallel-lines"}>
          {passing.map(({ run, points }) => (
            <path key={run.id} d={pathOf(points)} style={{ stroke: colourOf(run.id) }} />
          ))}
        </g>
        <Stands lines={lines} pathOf={pathOf} colourOf={colourOf} />
        {axes.map((axis) => (
          <AxisLine
            key={axis.field}
            axis={axis}
            brush={brushes.get(axis.field)}
            onBrush={(brush) => {
              const next = new Map(brushes);
              if (brush) next.set(axis.field, brush);
              else next.delete(axis.field);
              onBrush(next);
            }}
          />
        ))}
      </svg>
      <p className="soft small">
        {known.length < axes.length
          ? "Reading…"
          : brushes.size > 0
            ? `${passing.length} of ${runs.length} runs pass. Click an axis to free it.`
            : "Drag along an axis to keep the runs that pass there. Click a line to open its run."}
      </p>
    </div>
  );
}

/** The line of the run that the pointer is on, above the others. */
function Stands({
  lines,
  pathOf,
  colourOf,
}: {
  lines: readonly { run: Run; points: readonly (readonly [number, number])[] }[];
  pathOf: (points: readonly (readonly [number, number])[]) => string;
  colourOf: (id: string) => string;
}) {
  const on = useSignal(highlighted, (id) => id);
  const found = lines.find(({ run }) => run.id === on);
  if (!found) return null;
  return (
    <>
      <path className="parallel-on" d={pathOf(found.points)} style={{ stroke: colourOf(found.run.id) }} />
      <text className="axis-name" x={SIDE} y={HEIGHT - 2}>
        {middle(found.run.name, 64)}
      </text>
    </>
  );
}

function AxisLine({
  axis,
  brush,
  onBrush,
}: {
  axis: Axis;
  brush: readonly [number, number] | undefined;
  onBrush: (brush: readonly [number, number] | undefined) => void;
}) {
  const { field, scale, x } = axis;
  const [drag, setDrag] = useState<readonly [number, number]>();
  const start = useRef(0);
  const at = (event: PointerEvent<SVGElement>) => {
    const box = event.currentTarget.ownerSVGElement?.getBoundingClientRect();
    return Math.min(1, Math.max(0, 1 - (event.clientY - (box?.top ?? 0) - TOP) / SPAN));
  };
  useEffect(() => setDrag(undefined), [brush]);
  const shown = drag ?? brush;
  const label = columnOf(field).label;
  return (
    <g transform={`translate(${x} 0)`}>
      <text className="axis-name" y={14} textAnchor="middle">
        <title>{field}</title>
        {middle(label, 18)}
        {scale.kind === "log" && <tspan className="axis-kind"> log</tspan>}
      </text>
      <path className="axis" d={`M0 ${TOP}V${TOP + SPAN}`} />
      {scale.ticks.map((tick) => (
        <text key={tick.text} className="axis-tick" x={6} y={yOf(tick.at) + 4}>
          {middle(tick.text, 12)}
        </text>
      ))}
      {shown && (
        <rect
          className="brush"
          x={-6}
          width={12}
          y={yOf(shown[1])}
          height={Math.max(1, yOf(shown[0]) - yOf(shown[1]))}
        >
          <title>{scale.words(shown[0], shown[1])}</title>
        </rect>
      )}
      <rect
        className="axis-grip"
        x={-12}
        width={24}
        y={TOP - 4}
        height={SPAN + 8}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          start.current = at(event);
          setDrag([start.current, start.current]);
        }}
        onPointerMove={(event) => {
          if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
          const here = at(event);
          setDrag([Math.min(start.current, here), Math.max(start.current, here)]);
        }}
        onPointerUp={() => {
          const isClick = !drag || drag[1] - drag[0] < CLICK;
          setDrag(undefined);
          onBrush(isClick ? undefined : drag);
        }}
      />
    </g>
  );
}

function yOf(at: number | undefined): number {
  return at === undefined ? BELOW : TOP + (1 - at) * SPAN;
}

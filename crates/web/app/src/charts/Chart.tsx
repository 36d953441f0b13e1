import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { short } from "../format/numbers";
import { duration, onAxis } from "../format/times";
import { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { onThemeChange } from "../state/theme";
import { ink } from "./colours";
import { drawStrokes, type Frame, type Stroke } from "./draw";
import type { Extent } from "./extent";
import { highlighted } from "./highlight";
import { nearest } from "./line";

/** What is under the pointer. */
export interface Reading {
  x: number;
  /** Nearest to the pointer first. */
  entries: { stroke: Stroke; at: number; away: number }[];
}

interface Props {
  strokes: readonly Stroke[];
  extent: Extent;
  axis: CurveAxis;
  logX: boolean;
  logY: boolean;
  label: string;
  /** Charts of one page share their crosshair. */
  group: string;
  onZoom: (range: [number, number] | undefined) => void;
  onRead: (reading: Reading | undefined) => void;
  onPick?: (id: string) => void;
}

/** So far from a line the pointer may be to be on it. */
const REACH_PX = 24;

/** Axes, grid, crosshair and zoom by uPlot; the lines are drawn by `draw.ts`, each along its own x. */
export function Chart(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const current = useRef(props);
  current.current = props;

  const { axis, logX, logY, group } = props;
  useEffect(() => {
    const place = host.current;
    if (!place) return;
    const made = new uPlot(
      options(current, place, axis, logX, logY, group),
      [
        [0, 1],
        [null, null],
      ],
      place,
    );
    plot.current = made;
    const fit = new ResizeObserver(() => {
      if (place.clientWidth && place.clientHeight) made.setSize(size(place));
    });
    fit.observe(place);
    const redraw = () => made.redraw(true, true);
    const forgets = [highlighted.subscribe(() => made.redraw(false, false)), onThemeChange(redraw)];
    const whole = () => current.current.onZoom(undefined);
    made.over.addEventListener("dblclick", whole);
    const pick = () => {
      const id = highlighted.get();
      if (id) current.current.onPick?.(id);
    };
    made.over.addEventListener("click", pick);
    return () => {
      fit.disconnect();
      for (const forget of forgets) forget();
      made.destroy();
    };
  }, [axis, logX, logY, group]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    const { x } = props.extent;
    made.batch(() => {
      made.setData(
        [
          [x[0], x[1]],
          [null, null],
        ],
        true,
      );
    });
  }, [props.extent, props.strokes]);

  return <div ref={host} className="chart" role="img" aria-label={props.label} />;
}

function size(place: HTMLElement): { width: number; height: number } {
  return { width: place.clientWidth, height: place.clientHeight };
}

function options(
  current: { current: Props },
  place: HTMLElement,
  axis: CurveAxis,
  logX: boolean,
  logY: boolean,
  group: string,
): uPlot.Options {
  const line = () => ink("line");
  const soft = () => ink("text-soft");
  const common = {
    stroke: soft,
    font: `11px system-ui, sans-serif`,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
  };
  const xAxis: uPlot.Axis = { ...common, size: 24, space: 56 };
  if (axis !== CurveAxis.WALL_TIME) {
    xAxis.values = (_plot, splits) => splits.map((x) => (x === null ? "" : xText(x, axis)));
  }
  return {
    ...size(place),
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: {
        time: axis === CurveAxis.WALL_TIME,
        distr: logX ? 3 : 1,
        range: () => current.current.extent.x,
      },
      y: { distr: logY ? 3 : 1, range: () => current.current.extent.y },
    },
    axes: [
      xAxis,
      {
        ...common,
        size: 56,
        space: 28,
        values: (_plot, splits) => splits.map((y) => (y === null ? "" : short(y))),
      },
    ],
    series: [{}, { show: true, points: { show: false } }],
    cursor: {
      points: { show: false },
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 4 },
      sync: { key: group, scales: ["x", null] },
    },
    hooks: {
      draw: [(plot) => draw(plot, current.current)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          const range: [number, number] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          current.current.onZoom(range);
        },
      ],
      setCursor: [(plot) => read(plot, current.current)],
    },
  };
}

export function xText(x: number, axis: CurveAxis): string {
  if (axis === CurveAxis.RELATIVE_TIME) return duration(x * 1000);
  if (axis === CurveAxis.WALL_TIME) return onAxis(x * 1000);
  return Math.abs(x) >= 1e4 ? `${short(x / 1000)}k` : short(x);
}

function draw(plot: uPlot, { strokes }: Props): void {
  const { ctx, bbox } = plot;
  const frame: Frame = {
    ...bbox,
    x: (value) => plot.valToPos(value, "x", true),
    y: (value) =>
      plot.scales["y"]?.distr === 3 && value <= 0 ? Number.NaN : plot.valToPos(value, "y", true),
  };
  const on = highlighted.get();
  const some = on !== undefined && strokes.some((stroke) => stroke.line.id === on);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "round";
  const weighed = some
    ? strokes.map((stroke) => ({
        ...stroke,
        weight: stroke.line.id === on ? ("bold" as const) : ("faint" as const),
      }))
    : strokes;
  drawStrokes(ctx, weighed, frame, window.devicePixelRatio || 1);
  ctx.restore();
}

function read(plot: uPlot, props: Props): void {
  const { left = -1, top = -1 } = plot.cursor;
  if (left < 0) {
    props.onRead(undefined);
    if (plot.over.matches(":hover")) highlighted.set(undefined);
    return;
  }
  const x = plot.posToVal(left, "x");
  const here = plot.over.matches(":hover");
  const entries = props.strokes.flatMap((stroke) => {
    const at = nearest(stroke.line.x, x);
    const y = at < 0 ? Number.NaN : (stroke.y[at] ?? Number.NaN);
    const end = stroke.line.x.at(-1) ?? 0;
    const start = stroke.line.x[0] ?? 0;
    const slack = (props.extent.x[1] - props.extent.x[0]) * 0.02;
    if (!Number.isFinite(y) || x > end + slack || x < start - slack) return [];
    return [{ stroke, at, away: here ? Math.abs(plot.valToPos(y, "y") - top) : 0 }];
  });
  entries.sort((a, b) => a.away - b.away);
  if (here) {
    const closest = entries[0];
    highlighted.set(closest && closest.away <= REACH_PX ? closest.stroke.line.id : undefined);
  }
  props.onRead({ x, entries });
}

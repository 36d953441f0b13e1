import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { copyText } from "../design/Copy";
import { Paper } from "../design/Paper";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { toast } from "../frame/toasts";
import type { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { usePrinting } from "../state/printing";
import { useThemeChanges } from "../state/theme";
import { Chart, type Reading, xText } from "./Chart";
import { ink, type Series, tokenOf } from "./colours";
import { dashesOf, dotted } from "./dashes";
import type { Stroke } from "./draw";
import { extentOf, type Look } from "./extent";
import { highlighted } from "./highlight";
import { type Axes, pictureOfLines, rowsOf } from "./lines";
import type { Panel as Metrics } from "./panels";
import { SaveMenu } from "./SaveMenu";
import { Stretch } from "./Swatch";
import { smooth } from "./smooth";
import type { CurveStore } from "./store";
import { ticksOf } from "./ticks";

export interface PanelLook extends Look {
  axis: CurveAxis;
  smoothing: number;
}

interface Props {
  panel: Metrics;
  store: CurveStore;
  look: PanelLook;
  nameOf: (id: string) => string;
  seriesOf: (id: string) => Series;
  onZoom: (range: [number, number] | undefined) => void;
  onPick?: ((id: string) => void) | undefined;
  /** Whether it is drawn out of sight too, so that it is there when the page is printed. */
  always?: boolean;
  /** Whether it is one of the first, which are taken to be in sight until the browser says otherwise. */
  first?: boolean;
}

const READ_ROWS = 8;

/** One chart: its metrics of all runs that are shown, what is under the pointer, and ways to take it along. */
export function Panel({
  panel,
  store,
  look,
  nameOf,
  seriesOf,
  onZoom,
  onPick,
  always = false,
  first = false,
}: Props) {
  const place = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(always || first);
  const [reading, setReading] = useState<Reading>();
  const id = useRef(Symbol(panel.name));
  const version = useSyncExternalStore(store.subscribe, () => store.version);
  const keys = useMemo(() => panel.keys.map(({ key }) => key), [panel]);

  useEffect(() => {
    if (always || !place.current) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? false), {
      rootMargin: "200px",
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [always]);

  // Before charts are made, so that they are made while the curves are on their way.
  useLayoutEffect(() => {
    const mine = id.current;
    store.want(mine, seen ? keys : []);
    return () => store.want(mine, []);
  }, [store, seen, keys]);

  const { smoothing } = look;
  const drawn = useFrame(version);
  const dashes = useMemo(() => dashesOf(panel), [panel]);
  const theme = useThemeChanges();
  const isPrinted = usePrinting();
  const strokes: Stroke[] = useMemo(() => {
    if (!seen) return [];
    return store.linesOf(keys).map((line) => {
      const series = seriesOf(line.id);
      return {
        line,
        y: smooth(line, smoothing),
        colour: ink(tokenOf(series)),
        dash: dotted(dashes.get(line.key) ?? [], series.dots),
        weight: "plain",
      };
    });
  }, [drawn, seen, keys, dashes, smoothing, seriesOf, theme]);
  const extent = useMemo(() => extentOf(strokes, look), [strokes, look]);

  const empty = strokes.length === 0;
  const splits = new Set(panel.keys.map(({ split }) => split));
  const title = panel.keys.length === 1 ? (panel.keys[0]?.key ?? panel.name) : panel.name;
  const picture = () => pictureOfLines(title, strokes, extent, ticks(extent, look), nameOf);
  return (
    // What was not scrolled to has nothing to print.
    <section ref={place} className={seen ? "panel" : "panel no-print"} aria-label={title}>
      <header>
        <h3 title={panel.keys.map(({ key }) => key).join(", ")}>{middle(title, 48)}</h3>
        {panel.keys.length > 1 && (
          <span className="splits soft">
            {panel.keys.map(({ key, split }) => (
              <span key={key} title={key}>
                <Stretch dash={dashes.get(key) ?? []} />
                {splits.size === panel.keys.length ? split || key : key}
              </span>
            ))}
          </span>
        )}
        {extent.hidden > 0 && (
          <span className="warn" title="points outside of what is drawn">
            {count(extent.hidden)} hidden
          </span>
        )}
        <SaveMenu
          title={title}
          picture={picture}
          rows={() => rowsOf(strokes, nameOf)}
          more={{
            "Full screen": () => void place.current?.requestFullscreen(),
            "Copy link": () =>
              void copyText(window.location.href).then(() => toast("The address of this picture is copied")),
          }}
        />
      </header>
      {isPrinted ? (
        <Paper svg={picture().svg} />
      ) : (
        seen && (
          <Chart
            strokes={strokes}
            extent={extent}
            axis={look.axis}
            logX={look.logX}
            logY={look.logY}
            group="page"
            label={describe(title, strokes, nameOf)}
            onZoom={onZoom}
            onRead={setReading}
            {...(onPick && { onPick })}
          />
        )
      )}
      {seen && empty && <p className="panel-empty soft">{store.says(keys)}</p>}
      {reading && reading.entries.length > 0 && (
        <Readings reading={reading} axis={look.axis} nameOf={nameOf} />
      )}
    </section>
  );
}

/** The newest version, once a frame at most: points come in faster than a screen shows them. */
function useFrame(version: number): number {
  const [shown, setShown] = useState(version);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setShown(version));
    return () => cancelAnimationFrame(frame);
  }, [version]);
  return shown;
}

function Readings({
  reading,
  axis,
  nameOf,
}: {
  reading: Reading;
  axis: CurveAxis;
  nameOf: (id: string) => string;
}) {
  const rows = reading.entries.slice(0, READ_ROWS);
  const on = highlighted.get();
  return (
    <div className="readings float" aria-hidden="true">
      <div className="soft">{xText(reading.x, axis)}</div>
      {rows.map(({ stroke, at }) => {
        const raw = stroke.line.y[at] ?? Number.NaN;
        const value = stroke.y[at] ?? Number.NaN;
        return (
          <div
            key={`${stroke.line.id} ${stroke.line.key}`}
            className={stroke.line.id === on ? "on" : undefined}
          >
            <Stretch colour={stroke.colour} dash={stroke.dash} />
            <span className="name">{middle(nameOf(stroke.line.id), 24)}</span>
            <span className="number">{short(value)}</span>
            {raw !== value && <span className="number soft">raw {short(raw)}</span>}
          </div>
        );
      })}
      {reading.entries.length > READ_ROWS && (
        <div className="soft">and {reading.entries.length - READ_ROWS} more</div>
      )}
    </div>
  );
}

/** What a chart shows, for those who do not see it. */
function describe(title: string, strokes: readonly Stroke[], nameOf: (id: string) => string): string {
  const ends = strokes.slice(0, 5).map(({ line }) => {
    const last = line.y.findLast(Number.isFinite);
    return last === undefined ? "" : `${nameOf(line.id)} ends at ${short(last)}`;
  });
  const more = strokes.length > 5 ? `, and ${strokes.length - 5} more` : "";
  return `Chart of ${title}: ${ends.filter(Boolean).join(", ") || "nothing yet"}${more}`;
}

/** Ticks of a drawing that is saved. */
function ticks(extent: ReturnType<typeof extentOf>, look: PanelLook): Axes {
  const along = (value: number, [low, high]: [number, number], log: boolean) =>
    log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return {
    x: ticksOf(extent.x, look.logX).map((value) => ({ value, text: xText(value, look.axis) })),
    y: ticksOf(extent.y, look.logY).map((value) => ({ value, text: short(value) })),
    place: (_, width, height) => ({
      x: (value) => along(value, extent.x, look.logX) * width,
      y: (value) => (look.logY && value <= 0 ? Number.NaN : height * (1 - along(value, extent.y, look.logY))),
    }),
  };
}

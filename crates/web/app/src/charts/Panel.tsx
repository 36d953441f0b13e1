import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { copyText } from "../design/Copy";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { toast } from "../frame/toasts";
import type { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { Chart, type Reading, xText } from "./Chart";
import { ink } from "./colours";
import type { Stroke } from "./draw";
import { csv, png, save, svg } from "./export";
import { extentOf, type Look } from "./extent";
import { highlighted } from "./highlight";
import { type Panel as Metrics, strokesOf } from "./panels";
import { smooth } from "./smooth";
import type { CurveStore } from "./store";

export interface PanelLook extends Look {
  axis: CurveAxis;
  smoothing: number;
}

interface Props {
  panel: Metrics;
  store: CurveStore;
  look: PanelLook;
  nameOf: (id: string) => string;
  /** The token of a run's colour. */
  colourOf: (id: string) => string;
  onZoom: (range: [number, number] | undefined) => void;
  onPick?: ((id: string) => void) | undefined;
}

const READ_ROWS = 8;

/** One chart: its metrics of all runs that are shown, what is under the pointer, and ways to take it along. */
export function Panel({ panel, store, look, nameOf, colourOf, onZoom, onPick }: Props) {
  const place = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(undefined);
  const [seen, setSeen] = useState(false);
  const [reading, setReading] = useState<Reading>();
  const id = useRef(Symbol(panel.name));
  const version = useSyncExternalStore(store.subscribe, () => store.version);
  const keys = useMemo(() => panel.keys.map(({ key }) => key), [panel]);

  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? false), {
      rootMargin: "200px",
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const mine = id.current;
    store.want(mine, seen ? keys : []);
    return () => store.want(mine, []);
  }, [store, seen, keys]);

  const { smoothing } = look;
  const drawn = useFrame(version);
  const strokes: Stroke[] = useMemo(() => {
    if (!seen) return [];
    const dashes = strokesOf(panel);
    return store.linesOf(keys).map((line) => ({
      line,
      y: smooth(line, smoothing),
      colour: ink(colourOf(line.id)),
      dash: dashes.size > 1 ? (dashes.get(line.key) ?? []) : [],
      weight: "plain",
    }));
  }, [drawn, seen, keys, panel, smoothing, colourOf]);
  const extent = useMemo(() => extentOf(strokes, look), [strokes, look]);

  const empty = strokes.length === 0;
  const dashes = useMemo(() => strokesOf(panel), [panel]);
  const splits = new Set(panel.keys.map(({ split }) => split));
  const title = panel.keys.length === 1 ? (panel.keys[0]?.key ?? panel.name) : panel.name;
  return (
    <section ref={place} className="panel" aria-label={title}>
      <header>
        <h3 title={panel.keys.map(({ key }) => key).join(", ")}>{middle(title, 48)}</h3>
        {panel.keys.length > 1 && (
          <span className="splits soft">
            {panel.keys.map(({ key, split }) => (
              <span key={key} title={key}>
                <svg viewBox="0 0 20 4" aria-hidden="true">
                  <path d="M0 2h20" strokeDasharray={dashes.get(key)?.join(" ")} />
                </svg>
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
        <Menu
          title={title}
          actions={{
            "Full screen": () => void place.current?.requestFullscreen(),
            "Copy link": () =>
              void copyText(window.location.href).then(() => toast("The address of this picture is copied")),
            "Save as PNG": async () => {
              const image = canvas.current && (await png(canvas.current, ink("bg")));
              if (image) save(`${fileName(title)}.png`, image);
            },
            "Save as SVG": () => {
              const picture = svg(title, strokes, extent, ticks(extent, look), nameOf, {
                ground: ink("bg"),
                text: ink("text"),
                line: ink("line"),
              });
              save(`${fileName(title)}.svg`, new Blob([picture], { type: "image/svg+xml" }));
            },
            "Save as CSV": () =>
              save(`${fileName(title)}.csv`, new Blob([csv(strokes, nameOf)], { type: "text/csv" })),
          }}
        />
      </header>
      {seen && (
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
          canvasRef={(made) => {
            canvas.current = made;
          }}
        />
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
            <i style={{ background: stroke.colour }} />
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

function Menu({ title, actions }: { title: string; actions: Record<string, () => void> }) {
  const details = useRef<HTMLDetailsElement>(null);
  return (
    <details ref={details} className="menu">
      <summary aria-label={`What to do with ${title}`} title="save, copy, full screen">
        ⋯
      </summary>
      <div className="float">
        {Object.entries(actions).map(([name, run]) => (
          <button
            key={name}
            type="button"
            className="button plain"
            onClick={() => {
              details.current?.removeAttribute("open");
              run();
            }}
          >
            {name}
          </button>
        ))}
      </div>
    </details>
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

function fileName(title: string): string {
  return title.replaceAll(/[^\w.-]+/g, "-");
}

/** Ticks of a drawing that is saved. */
function ticks(extent: ReturnType<typeof extentOf>, look: PanelLook) {
  const five = ([low, high]: [number, number], log: boolean) =>
    Array.from({ length: 5 }, (_, at) =>
      log ? low * (high / low) ** (at / 4) : low + ((high - low) * at) / 4,
    );
  const along = (value: number, [low, high]: [number, number], log: boolean) =>
    log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return {
    x: five(extent.x, look.logX).map((value) => ({ value, text: xText(value, look.axis) })),
    y: five(extent.y, look.logY).map((value) => ({ value, text: short(value) })),
    place: (_: typeof extent, width: number, height: number) => ({
      x: (value: number) => along(value, extent.x, look.logX) * width,
      y: (value: number) =>
        look.logY && value <= 0 ? Number.NaN : height * (1 - along(value, extent.y, look.logY)),
    }),
  };
}

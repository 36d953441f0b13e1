import { useEffect, useLayoutEffect, useMemo, useState } from "react";
import { useConnection } from "../api/connection";
import { messageOf } from "../api/errors";
import { type KnownFields, useFoundFields } from "../api/useFields";
import { count } from "../format/numbers";
import { Notice } from "../frame/States";
import { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { setQuery, usePlace } from "../state/url";
import { Controls } from "./Controls";
import { Folder } from "./Folder";
import "./charts.css";
import type { Series } from "./colours";
import { Panel, type PanelLook } from "./Panel";
import { combineBy, MACHINE, type Panel as Metrics, panelsOf } from "./panels";
import { CurveStore, type Subject } from "./store";

export type Shown = Pick<Subject, "runIds" | "groups" | "running">;

interface Props {
  shown: Shown;
  metricKeys: readonly string[];
  /** Where metrics are found that are not among the keys. */
  known?: KnownFields | undefined;
  nameOf: (id: string) => string;
  seriesOf: (id: string) => Series;
  onPick?: ((id: string) => void) | undefined;
  /** What is said where there is no metric at all. */
  empty?: string;
  /** Called when the first curves are there, or do not come soon: what else a page asks for can wait for them. */
  onDrawn?: () => void;
}

/** Folders are open at first until they have so many panels, and so many folders are listed. */
const OPEN = 60;
const FOLDERS = 200;
/** For so long the rest of a page waits for curves. */
const PATIENCE_MS = 1000;
/** Charts that a screen has, about. */
const FIRST = 6;
/** A chart is rarely wider: more buckets than pixels cannot be seen. */
const BUCKETS = { normal: 480, wide: 960 };

const AXES: Record<string, CurveAxis> = {
  step: CurveAxis.STEP,
  relative: CurveAxis.RELATIVE_TIME,
  time: CurveAxis.WALL_TIME,
};

/** All charts of a page, and how they are looked at: which the address says. */
export function ChartsPanel({ shown, metricKeys, known, nameOf, seriesOf, onPick, empty, onDrawn }: Props) {
  const { query } = usePlace();
  const [store] = useState(() => new CurveStore());
  const [listed, setListed] = useState(FOLDERS);
  const { epoch } = useConnection();
  const look = useLook(query);
  const search = query.get("panels") ?? "";
  const combine = query.get("combine") ?? "";
  const spread = query.get("band") === "range" ? "range" : "deviation";

  const { axis, range } = look;
  const wide = window.innerWidth > 1800 ? BUCKETS.wide : BUCKETS.normal;
  useEffect(() => {
    if (epoch > 0) store.refresh();
  }, [store, epoch]);
  useEffect(() => () => store.close(), [store]);

  const keys = useFoundFields(known, search)?.metrics ?? metricKeys;
  const panels = useMemo(() => {
    const matches = pattern(search);
    return panelsOf(keys.filter(matches), combineBy(combine));
  }, [keys, search, combine]);
  const folders = useMemo(() => foldersOf(panels), [panels]);
  const first = useMemo(
    () => new Set(folders.flatMap(({ own, opened }) => (opened ? own : [])).slice(0, FIRST)),
    [folders],
  );
  useLayoutEffect(
    () => store.show({ ...shown, axis, range, buckets: wide, spread }),
    // With other panels too: those that are there have said by now what they want.
    [store, shown, axis, range, wide, spread, panels],
  );
  useEffect(() => {
    if (!onDrawn) return;
    const late = setTimeout(onDrawn, PATIENCE_MS);
    const forget = store.subscribe(() => store.hasAnswered && onDrawn());
    return () => {
      clearTimeout(late);
      forget();
    };
  }, [store, onDrawn]);
  const zoom = (zoomed: [number, number] | undefined) =>
    setQuery({ zoom: zoomed?.map((x) => Number(x.toPrecision(8))).join(":") }, { push: true });

  return (
    <section className="charts" aria-label="Charts">
      <Controls query={query} zoomed={range !== undefined} grouped={shown.groups !== undefined} />
      {store.error !== undefined && <p className="bad charts-error">{messageOf(store.error)}</p>}
      {metricKeys.length === 0 ? (
        <Notice title="No metrics yet">
          {empty ?? "The first point that is logged draws the first chart."}
        </Notice>
      ) : panels.length === 0 ? (
        <Notice
          title={`No metric matches “${search}”`}
          action={
            <button type="button" className="button" onClick={() => setQuery({ panels: undefined })}>
              Show all {count(metricKeys.length)}
            </button>
          }
        />
      ) : null}
      {folders.slice(0, listed).map(({ name, own, opened }) => (
        <Folder key={`${name} ${search}`} name={name} panels={own} opened={opened}>
          {(panel) => (
            <Panel
              key={panel.name}
              panel={panel}
              store={store}
              look={look}
              nameOf={nameOf}
              seriesOf={seriesOf}
              onZoom={zoom}
              onPick={onPick}
              first={first.has(panel)}
            />
          )}
        </Folder>
      ))}
      {folders.length > listed && (
        <p className="charts-more">
          <button type="button" className="button" onClick={() => setListed(listed + FOLDERS)}>
            {count(folders.length - listed)} more folders
          </button>
        </p>
      )}
      {known && !known.complete && !search && (
        <p className="charts-more soft">
          These are the charts of the first {count(keys.length)} metrics: others are found by their names.
        </p>
      )}
    </section>
  );
}

/** Panels by their folders, the first of which are open. */
function foldersOf(panels: readonly Metrics[]): { name: string; own: Metrics[]; opened: boolean }[] {
  const folders = new Map<string, Metrics[]>();
  for (const panel of panels) {
    const own = folders.get(panel.section);
    if (own) own.push(panel);
    else folders.set(panel.section, [panel]);
  }
  let before = 0;
  return [...folders].map(([name, own]) => {
    const opened = before < OPEN && !name.startsWith(MACHINE);
    before += own.length;
    return { name, own, opened };
  });
}

function useLook(query: URLSearchParams): PanelLook {
  const axis = AXES[query.get("x") ?? "step"] ?? CurveAxis.STEP;
  const smoothing = Number(query.get("smooth") ?? 0) || 0;
  const logX = query.get("logx") === "1";
  const logY = query.get("logy") === "1";
  const withoutOutliers = query.get("outliers") === "ignore";
  const zoom = query.get("zoom");
  return useMemo(() => {
    const [from = Number.NaN, to = Number.NaN] = (zoom ?? "").split(":").map(Number);
    const range: [number, number] | undefined = from < to ? [from, to] : undefined;
    return { axis, smoothing, logX, logY, withoutOutliers, range };
  }, [axis, smoothing, logX, logY, withoutOutliers, zoom]);
}

/** A search by a regular expression, or by the words as they are while it is none. */
function pattern(search: string): (key: string) => boolean {
  if (!search) return () => true;
  try {
    const expression = new RegExp(search, "i");
    return (key) => expression.test(key);
  } catch {
    return (key) => key.includes(search);
  }
}

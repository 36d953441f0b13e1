import { useCallback, useEffect, useMemo, useState } from "react";
import { useConnection } from "../api/connection";
import { assignSeries, seriesOf as numbered, paintOf } from "../charts/colours";
import { dotted } from "../charts/dashes";
import { Panel } from "../charts/Panel";
import { panelsOf } from "../charts/panels";
import { Stretch } from "../charts/Swatch";
import { CurveStore } from "../charts/store";
import "../charts/charts.css";
import { Skeleton } from "../frame/States";
import { CurveAxis } from "../generated/herdbook/tracking/v1/metric_pb";
import { RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { PanelFrame } from "./PanelFrame";
import type { ChartSpec } from "./panel";
import { useRunsOf } from "./useRunsOf";

const AXES = { step: CurveAxis.STEP, relative: CurveAxis.RELATIVE_TIME, time: CurveAxis.WALL_TIME };
/** Buckets a curve: as many as a chart across a page has pixels. */
const BUCKETS = 960;

/** Curves of some runs, which go on while the runs do. */
export function ChartPanel({ spec }: { spec: ChartSpec }) {
  const found = useRunsOf(spec);
  const { epoch } = useConnection();
  const [store] = useState(() => new CurveStore());
  const [range, setRange] = useState<[number, number]>();
  const axis = AXES[spec.x];
  const ids = found.data?.runs.map(({ id }) => id).join() ?? "";
  const running =
    found.data?.runs
      .filter(({ status }) => status === RunStatus.RUNNING)
      .map(({ id }) => id)
      .join() ?? "";

  useEffect(() => {
    const listed = (text: string) => (text ? text.split(",") : []);
    store.show({ runIds: listed(ids), running: listed(running), axis, range, buckets: BUCKETS });
  }, [store, ids, running, axis, range]);
  useEffect(() => {
    if (epoch > 0) store.refresh();
  }, [store, epoch]);
  useEffect(() => () => store.close(), [store]);

  const names = useMemo(
    () => new Map(found.data?.runs.map(({ id, name }) => [id, name] as const)),
    [found.data],
  );
  const nameOf = useCallback((id: string) => names.get(id) ?? id, [names]);
  const series = useMemo(() => assignSeries(ids ? ids.split(",") : [], new Map()), [ids]);
  const seriesOf = useCallback((id: string) => numbered(series.get(id) ?? 0), [series]);
  const panels = useMemo(() => panelsOf(spec.metrics), [spec.metrics]);
  const look = useMemo(
    () => ({
      axis,
      smoothing: spec.smooth,
      logX: spec.logX,
      logY: spec.logY,
      withoutOutliers: false,
      range,
    }),
    [axis, spec, range],
  );
  return (
    <PanelFrame
      title={`${names.size} runs of ${spec.experiment}${spec.filter && `, ${spec.filter}`}`}
      to={found.data && `/experiments/${found.data.experimentId}`}
      query={{ q: spec.filter, sort: spec.order }}
      error={found.data ? undefined : found.error}
    >
      {!found.data ? (
        <Skeleton rows={3} />
      ) : (
        <>
          <div className="panels">
            {panels.map((panel) => (
              <Panel
                key={panel.name}
                panel={panel}
                store={store}
                look={look}
                nameOf={nameOf}
                seriesOf={seriesOf}
                onZoom={setRange}
                always
              />
            ))}
          </div>
          <ul className="legend">
            {found.data.runs.map(({ id, name }) => (
              <li key={id}>
                <Stretch colour={paintOf(seriesOf(id))} dash={dotted([], seriesOf(id).dots)} />
                {name}
              </li>
            ))}
          </ul>
        </>
      )}
    </PanelFrame>
  );
}

import { useEffect, useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import type { Series as Look } from "../charts/colours";
import { SaveMenu } from "../charts/SaveMenu";
import { Swatch } from "../charts/Swatch";
import { middle } from "../format/names";
import { toast } from "../frame/toasts";
import { ValueType } from "../generated/herdbook/tracking/v1/value_pb";
import { setQuery, usePlace } from "../state/url";
import { pictureOfHistograms, rowsOfValues } from "./files";
import { listSeries, readSeries, type Series, TYPE_NAMES } from "./series";
import { valuesAt } from "./steps";
import { saveValue, ValueView } from "./ValueView";
import "./values.css";

interface Props {
  runIds: readonly string[];
  nameOf: (id: string) => string;
  seriesOf: (id: string) => Look;
  every?: number | undefined;
}

/** So many runs stand beside each other. */
const BESIDE = 6;
/** Values of a step that are shown of a run. */
const SHOWN = 8;

/** What is saved as a table; the rest is files. */
const IN_ROWS = new Set([ValueType.HISTOGRAM, ValueType.TABLE, ValueType.TEXT]);

/** Images, histograms, texts, tables and sound of runs, step by step: the same step in all panels. */
export function ValuePanels({ runIds, nameOf, seriesOf, every }: Props) {
  const beside = runIds.slice(0, BESIDE);
  const found = useAnswer(
    beside.length ? `series ${beside}` : undefined,
    (signal) => listSeries(beside, signal),
    { every },
  );
  if (found.error !== undefined) return <p className="bad charts-error">{messageOf(found.error)}</p>;
  if (!found.data?.length || beside.length === 0) return null;
  return (
    <section aria-label="Logged values" className="value-panels">
      <h2>Images, texts and other values</h2>
      {runIds.length > BESIDE && <p className="soft">of the first {BESIDE} runs in the charts</p>}
      {found.data.map((series) => (
        <ValuePanel
          key={`${series.type} ${series.key}`}
          series={{ ...series, runIds: series.runIds.filter((id) => beside.includes(id)) }}
          nameOf={nameOf}
          seriesOf={seriesOf}
          every={every}
        />
      ))}
    </section>
  );
}

function ValuePanel({ series, nameOf, seriesOf, every }: Omit<Props, "runIds"> & { series: Series }) {
  const { query } = usePlace();
  const place = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? false), {
      rootMargin: "200px",
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const read = useAnswer(
    seen ? `values ${series.runIds} ${series.key}` : undefined,
    (signal) => Promise.all(series.runIds.map((runId) => readSeries(runId, series.key, signal))),
    { every },
  );
  const steps = [...new Set(read.data?.flat().map((value) => value.step) ?? [])].sort((a, b) =>
    a < b ? -1 : a > b ? 1 : 0,
  );
  const asked = query.get("at");
  const step = asked !== null && /^-?\d+$/.test(asked) ? BigInt(asked) : undefined;
  // The last step up to the one that is asked for.
  const index =
    step === undefined
      ? steps.length - 1
      : Math.max(
          0,
          steps.findLastIndex((one) => one <= step),
        );
  const here = steps[index];
  const shown = (read.data ?? []).map((values, at) => {
    const runId = series.runIds[at] ?? "";
    return { runId, name: nameOf(runId), values: valuesAt(values, here) };
  });
  const saveFiles = () => {
    for (const { runId, values } of shown)
      for (const value of values) saveValue(runId, value).catch((error) => toast(messageOf(error)));
  };
  return (
    <section
      ref={place}
      className={`value-panel${series.runIds.length > 1 ? " wide" : ""}${seen ? "" : " no-print"}`}
      aria-label={series.key}
    >
      <header>
        <h3 title={series.key}>{middle(series.key, 48)}</h3>
        <span className="soft">{TYPE_NAMES[series.type]}</span>
        {steps.length > 1 && (
          <label className="field">
            step
            <input
              type="range"
              min={0}
              max={steps.length - 1}
              value={index}
              aria-label={`Step of ${series.key}`}
              aria-valuetext={`step ${here}`}
              onChange={(event) => setQuery({ at: steps[Number(event.target.value)]?.toString() })}
            />
          </label>
        )}
        {here !== undefined && <output className="soft number">{here.toString()}</output>}
        <SaveMenu
          title={series.key}
          picture={
            series.type === ValueType.HISTOGRAM ? () => pictureOfHistograms(series.key, shown) : undefined
          }
          rows={IN_ROWS.has(series.type) ? () => rowsOfValues(shown) : undefined}
          more={{
            "Full screen": () => void place.current?.requestFullscreen(),
            ...(!IN_ROWS.has(series.type) && { "Save files": saveFiles }),
          }}
        />
      </header>
      {read.error !== undefined && <p className="bad">{messageOf(read.error)}</p>}
      <div className="value-runs">
        {shown.map(({ runId, name, values }) => (
          <div key={runId} className="value-run">
            {series.runIds.length > 1 && (
              <p className="value-name">
                <Swatch series={seriesOf(runId)} /> {middle(name, 28)}
              </p>
            )}
            {values.slice(0, SHOWN).map((value) => (
              <ValueView key={`${value.step} ${value.index}`} runId={runId} value={value} />
            ))}
            {values.length > SHOWN && <p className="soft">and {values.length - SHOWN} more</p>}
          </div>
        ))}
      </div>
    </section>
  );
}

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { millis } from "../format/times";
import { Link } from "../frame/Link";
import { useShortcuts } from "../frame/shortcuts";
import type { Model } from "../generated/herdbook/registry/v1/model_pb";
import { modelPath } from "../model/names";
import { hrefTo, navigate } from "../state/url";

const ROW = 32;
const CARD = 60;
/** Stages that have a column, those that most models have. */
const STAGES = 4;

interface Props {
  models: readonly Model[];
  total: number;
  stale: boolean;
  order: string;
  onOrder: (order: string) => void;
  need: (index: number) => void;
}

/** Models as rows, of which only those that are seen are there. */
export function ModelTable({ models, total, stale, order, onOrder, need }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const [active, setActive] = useState(-1);
  const stages = useMemo(() => stagesOf(models), [models]);
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? CARD : ROW),
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => need(last), [need, last]);
  useEffect(() => rows.measure(), [rows, narrow]);
  useEffect(() => {
    if (active >= 0) rows.scrollToIndex(active, { align: "auto" });
  }, [rows, active]);
  const move = (by: number) => setActive((before) => Math.min(total - 1, Math.max(0, before + by)));
  const down = { what: "next model", run: () => move(1) };
  const up = { what: "model before", run: () => move(-1) };
  useShortcuts({
    "/": { what: "filter", run: () => document.getElementById("filter")?.focus() },
    j: down,
    ArrowDown: down,
    k: up,
    ArrowUp: up,
    Enter: {
      what: "open the model",
      run: () => {
        const model = models[active];
        if (model) navigate(hrefTo(modelPath(model.name)));
      },
    },
  });
  const template = `minmax(220px, 2fr) ${stages.map(() => "minmax(88px, 112px)").join(" ")} 72px 104px minmax(96px, 160px) minmax(120px, 2fr)`;
  return (
    <div
      ref={scroller}
      className={stale ? "models stale" : "models"}
      role="grid"
      aria-label="Models"
      aria-rowcount={total + 1}
      aria-activedescendant={active >= 0 && models[active] ? `model-${active}` : undefined}
      tabIndex={0}
    >
      <div className="head" role="rowgroup">
        <div role="row" tabIndex={-1} className="model-row" style={{ gridTemplateColumns: template }}>
          <Head field="name" label="Model" first="asc" order={order} onOrder={onOrder} />
          {stages.map((stage) => (
            <div key={stage} role="columnheader" tabIndex={-1}>
              {middle(stage, 14)}
            </div>
          ))}
          <Head field="latest_version" label="Latest" first="desc" order={order} onOrder={onOrder} />
          <Head field="updated_at" label="Changed" first="desc" order={order} onOrder={onOrder} />
          <div role="columnheader" tabIndex={-1}>
            Owners
          </div>
          <div role="columnheader" tabIndex={-1}>
            Tags
          </div>
        </div>
      </div>
      <div role="rowgroup" className="body" style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const model = models[item.index];
          const style = {
            gridTemplateColumns: narrow ? undefined : template,
            transform: `translateY(${item.start}px)`,
          };
          return (
            <div
              key={model?.name ?? item.index}
              role="row"
              id={`model-${item.index}`}
              tabIndex={-1}
              aria-rowindex={item.index + 2}
              className={item.index === active ? "model-row active" : "model-row"}
              style={style}
            >
              {model ? (
                <Cells model={model} stages={stages} />
              ) : (
                <div role="gridcell" tabIndex={-1}>
                  <span className="skeleton" />
                </div>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Cells({ model, stages }: { model: Model; stages: readonly string[] }) {
  const tags = Object.entries(model.tags).sort(([one], [other]) => (one < other ? -1 : 1));
  const tagText = tags.map(([key, value]) => (value ? `${key}: ${value}` : key)).join(", ");
  return (
    <>
      <div role="gridcell" tabIndex={-1} className="name">
        <Link to={modelPath(model.name)} title={model.name} tabIndex={-1}>
          {middle(model.name, 40)}
        </Link>
      </div>
      {stages.map((stage) => {
        const held = model.stages.find((content) => content.stage === stage)?.versions ?? [];
        const newest = held.at(-1);
        const more = held.length >= 100 ? "+99" : `+${held.length - 1}`;
        return (
          <div
            key={stage}
            role="gridcell"
            tabIndex={-1}
            className={newest === undefined ? "stage none" : "stage"}
            data-label={stage}
          >
            {newest === undefined ? (
              <span className="soft">–</span>
            ) : (
              <>
                v{newest.toString()}
                {held.length > 1 && <span className="soft"> {more}</span>}
              </>
            )}
          </div>
        );
      })}
      <div role="gridcell" tabIndex={-1} className="wide">
        {model.latestVersion > 0n ? `v${model.latestVersion}` : <span className="soft">none</span>}
      </div>
      <div role="gridcell" tabIndex={-1} className="soft wide">
        <Ago time={millis(model.updatedAt)} />
      </div>
      <div role="gridcell" tabIndex={-1} className="wide" title={model.owners.join(", ")}>
        {middle(model.owners.join(", "), 22)}
      </div>
      <div role="gridcell" tabIndex={-1} className="soft wide" title={tagText}>
        {middle(tagText, 48)}
      </div>
    </>
  );
}

interface HeadProps {
  field: string;
  label: string;
  /** The way that it is sorted at first. */
  first: "asc" | "desc";
  order: string;
  onOrder: (order: string) => void;
}

function Head({ field, label, first, order, onOrder }: HeadProps) {
  const [by, way] = order.split(" ");
  const sorted = by === field ? way : undefined;
  const next = sorted === undefined ? first : sorted === "asc" ? "desc" : "asc";
  return (
    <div
      role="columnheader"
      tabIndex={-1}
      aria-sort={sorted === undefined ? "none" : sorted === "asc" ? "ascending" : "descending"}
    >
      <button type="button" tabIndex={-1} title="press to sort" onClick={() => onOrder(`${field} ${next}`)}>
        {label} {sorted && <span aria-hidden="true">{sorted === "desc" ? "↓" : "↑"}</span>}
      </button>
    </div>
  );
}

/** The stages that most models have something in, in the order of their policies. */
export function stagesOf(models: readonly Model[]): string[] {
  const held = new Map<string, { models: number; place: number }>();
  for (const model of models) {
    model.stages.forEach(({ stage }, place) => {
      const known = held.get(stage) ?? { models: 0, place: 0 };
      held.set(stage, { models: known.models + 1, place: known.place + place });
    });
  }
  const most = [...held].sort(([, one], [, other]) => other.models - one.models).slice(0, STAGES);
  // A stage stands as far back as it does in the models that have it, on average.
  most.sort(([, one], [, other]) => one.place / one.models - other.place / other.models);
  return most.map(([stage]) => stage);
}

const phone = window.matchMedia("(max-width: 720px)");

function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      phone.addEventListener("change", listener);
      return () => phone.removeEventListener("change", listener);
    },
    () => phone.matches,
  );
}

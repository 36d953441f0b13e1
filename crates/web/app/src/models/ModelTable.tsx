import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { Ago } from "../design/Time";
import { useNarrow } from "../design/useNarrow";
import { useWidth } from "../design/useWidth";
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
/** How wide columns are; what is left is of names and tags, in equal parts. */
const WIDTH = { stage: 80, latest: 84, changed: 96, owners: 112, least: 208 };
/** How wide a letter of a name is at most, on average. */
const LETTER = 8.6;
const PADDING = 16;

interface Props {
  /** Those that are known. */
  models: readonly Model[];
  /** The model at a place, if it is known. */
  at: (index: number) => Model | undefined;
  total: number;
  stale: boolean;
  order: string;
  onOrder: (order: string) => void;
  see: (first: number, last: number) => void;
}

/** Models as rows, of which only those that are seen are there. */
export function ModelTable({ models, at, total, stale, order, onOrder, see }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const [place, width] = useWidth();
  const [active, setActive] = useState(-1);
  const stages = useMemo(() => stagesOf(models), [models]);
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? CARD : ROW),
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => see(first, last), [see, first, last]);
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
        const model = at(active);
        if (model) navigate(hrefTo(modelPath(model.name)));
      },
    },
  });
  const others = stages.length * WIDTH.stage + WIDTH.latest + WIDTH.changed + WIDTH.owners;
  const name = narrow ? width : Math.max(WIDTH.least, Math.floor((width - others) / 2));
  const letters = Math.floor((name - PADDING) / LETTER);
  const template = `${name}px ${stages.map(() => `${WIDTH.stage}px`).join(" ")} ${WIDTH.latest}px ${WIDTH.changed}px ${WIDTH.owners}px minmax(${WIDTH.least}px, 1fr)`;
  return (
    <div
      ref={scroller}
      className={stale ? "models stale" : "models"}
      role="grid"
      aria-label="Models"
      aria-rowcount={total + 1}
      aria-activedescendant={active >= 0 && at(active) ? `model-${active}` : undefined}
      tabIndex={0}
    >
      <div className="head" role="rowgroup">
        <div role="row" tabIndex={-1} className="model-row" style={{ gridTemplateColumns: template }}>
          <Head field="name" label="Model" first="asc" order={order} onOrder={onOrder} />
          {stages.map((stage) => (
            <div key={stage} role="columnheader" tabIndex={-1}>
              {middle(stage, 11)}
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
      <div ref={place} role="rowgroup" className="body" style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const model = at(item.index);
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
                <Cells model={model} stages={stages} letters={letters} />
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

interface CellsProps {
  model: Model;
  stages: readonly string[];
  /** How many there is room for in a name. */
  letters: number;
}

/** Made anew only where something of them is: while one scrolls most rows stay as they are. */
const Cells = memo(function Cells({ model, stages, letters }: CellsProps) {
  const tags = Object.entries(model.tags).sort(([one], [other]) => (one < other ? -1 : 1));
  const nowhere = !model.stages.some(({ stage, versions }) => versions.length > 0 && stages.includes(stage));
  const tagText = tags.map(([key, value]) => (value ? `${key}: ${value}` : key)).join(", ");
  return (
    <>
      <div role="gridcell" tabIndex={-1} className="name">
        <Link to={modelPath(model.name)} title={model.name} tabIndex={-1}>
          {middle(model.name, letters)}
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
      <div
        role="gridcell"
        tabIndex={-1}
        className={nowhere ? "latest" : "wide"}
        data-label={model.latestVersion > 0n ? "Latest" : undefined}
      >
        {model.latestVersion > 0n ? `v${model.latestVersion}` : <span className="soft">no version</span>}
      </div>
      <div role="gridcell" tabIndex={-1} className="soft wide">
        <Ago time={millis(model.updatedAt)} />
      </div>
      <div role="gridcell" tabIndex={-1} className="wide" title={model.owners.join(", ")}>
        {model.owners.join(", ")}
      </div>
      <div role="gridcell" tabIndex={-1} className="soft wide" title={tagText}>
        {tagText}
      </div>
    </>
  );
});

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

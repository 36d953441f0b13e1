import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useEffect, useMemo, useRef } from "react";
import type { Series } from "../charts/colours";
import { highlighted } from "../charts/highlight";
import { Swatch } from "../charts/Swatch";
import { Ago, useNow } from "../design/Time";
import { useNarrow } from "../design/useNarrow";
import { middle } from "../format/names";
import { column as columnFormat } from "../format/numbers";
import { absolute, duration } from "../format/times";
import { Link } from "../frame/Link";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { useSignal } from "../state/signal";
import { type Column, cellOf, isSortable, type Value } from "./columns";
import { Status } from "./Status";
import "./table.css";

export interface TableProps {
  /** How many there are, of which some may not be loaded. */
  total: number;
  runAt: (index: number) => Run | undefined;
  /** Tells which rows are seen, so that they are loaded. */
  onSee: (first: number, last: number) => void;
  columns: readonly Column[];
  order: string;
  onOrder: (order: string) => void;
  shown: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
  selected: ReadonlySet<string>;
  seriesOf: (id: string) => Series;
  active: number;
  onActive: (index: number) => void;
  onToggle: (run: Run, what: "shown" | "selected" | "pinned", index: number, range: boolean) => void;
  onColour: (run: Run) => void;
  dimmed: boolean;
  children?: ReactNode;
}

const ROW = 28;
const CARD = 60;
const NAME_WIDTH = 232;
/** Rows that are ready above and below those that are seen. */
const OVERSCAN = 12;
/** The format of a column is taken from so many rows. */
const SAMPLE = 200;

/** Runs as rows, of which only those that are seen exist: a hundred thousand are as quick as ten. */
export function RunTable(props: TableProps) {
  const { total, columns, runAt, onSee, active } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => (narrow ? CARD : ROW),
    overscan: OVERSCAN,
  });
  const items = rows.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => onSee(first, last), [onSee, first, last]);
  useEffect(() => rows.measure(), [rows, narrow]);
  useEffect(() => {
    if (active >= 0) rows.scrollToIndex(active, { align: "auto" });
  }, [rows, active]);

  const formats = useMemo(
    () =>
      columns.map((column) => {
        if (column.kind !== "metric") return undefined;
        const sample = Array.from({ length: Math.min(total, SAMPLE) }, (_, at) => runAt(at));
        const values = sample.map((run) => run && cellOf(run, column, 0));
        return columnFormat(values.filter((value) => typeof value === "number"));
      }),
    [columns, runAt, total],
  );
  const template = `${NAME_WIDTH}px ${columns.map((column) => `${column.width}px`).join(" ")} 1fr`;
  const width = NAME_WIDTH + columns.reduce((sum, column) => sum + column.width, 0);
  return (
    <div
      ref={scroller}
      className={props.dimmed ? "runs stale" : "runs"}
      role="grid"
      aria-label="Runs"
      aria-rowcount={total + 1}
      aria-multiselectable="true"
      aria-activedescendant={active >= 0 && runAt(active) ? `row-${active}` : undefined}
      tabIndex={0}
    >
      <div className="head" role="rowgroup">
        <div
          role="row"
          tabIndex={-1}
          className="run-row"
          style={{ ["--columns" as string]: template, minWidth: width }}
          aria-rowindex={1}
        >
          <Head field="attributes.name" label="Run" {...props} />
          {columns.map((column) => (
            <Head
              key={column.field}
              field={column.field}
              label={column.label}
              kind={column.kind}
              {...props}
            />
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className="body"
        style={{ height: rows.getTotalSize(), minWidth: narrow ? undefined : width }}
      >
        {items.map((item) => (
          <Row
            key={item.key}
            run={runAt(item.index)}
            index={item.index}
            start={item.start}
            template={template}
            formats={formats}
            table={props}
          />
        ))}
      </div>
    </div>
  );
}

function Head({
  field,
  label,
  kind,
  order,
  onOrder,
}: Pick<TableProps, "order" | "onOrder"> & { field: string; label: string; kind?: string }) {
  const sorted = order.startsWith(`${field} `) ? order.slice(field.length + 1) : undefined;
  const next = sorted === "desc" ? `${field} asc` : sorted === "asc" ? "" : `${field} desc`;
  const words = { asc: "ascending", desc: "descending" } as const;
  return (
    <div
      role="columnheader"
      tabIndex={-1}
      className={kind === "metric" ? "number" : undefined}
      aria-sort={sorted ? words[sorted as keyof typeof words] : "none"}
    >
      {isSortable(field) ? (
        <button type="button" tabIndex={-1} onClick={() => onOrder(next)} title={`${field}; press to sort`}>
          <span>{middle(label, 20)}</span>
          {sorted && <span aria-hidden="true">{sorted === "desc" ? "↓" : "↑"}</span>}
        </button>
      ) : (
        <span>{label}</span>
      )}
    </div>
  );
}

interface RowProps {
  run: Run | undefined;
  index: number;
  start: number;
  template: string;
  formats: readonly (((value: number) => string) | undefined)[];
  table: TableProps;
}

/** Made anew only where something of it is: while one scrolls most rows stay as they are. */
const Row = memo(function Row({ run, index, start, template, formats, table }: RowProps) {
  const on = useSignal(highlighted, (id) => id !== undefined && id === run?.id);
  const style = { ["--columns" as string]: template, transform: `translateY(${start}px)` };
  if (!run) {
    return (
      <div role="row" tabIndex={-1} className="run-row" style={style} aria-rowindex={index + 2}>
        <div role="gridcell" tabIndex={-1} className="name">
          <span className="skeleton" />
        </div>
      </div>
    );
  }
  const { columns, shown, selected, pinned, seriesOf, active, onActive, onToggle, onColour } = table;
  const isShown = shown.has(run.id);
  const isSelected = selected.has(run.id);
  const classes = ["run-row", on && "on", index === active && "active", isSelected && "selected"];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the page, listed by `?`
    <div
      role="row"
      id={`row-${index}`}
      tabIndex={-1}
      className={classes.filter(Boolean).join(" ")}
      style={style}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      onClick={() => onActive(index)}
      onMouseEnter={() => highlighted.set(run.id)}
      onMouseLeave={() => highlighted.set(undefined)}
    >
      <div role="gridcell" tabIndex={-1} className="name">
        <button
          type="button"
          tabIndex={-1}
          className="dot"
          aria-pressed={isShown}
          aria-label={`${isShown ? "Hide" : "Show"} ${run.name} in the charts`}
          title="in the charts or not; right-click for another colour"
          onClick={(event) => onToggle(run, "shown", index, event.shiftKey)}
          onContextMenu={(event) => {
            event.preventDefault();
            onColour(run);
          }}
        >
          <Swatch series={seriesOf(run.id)} hollow={!isShown} />
        </button>
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Select ${run.name}`}
          checked={isSelected}
          onClick={(event) => onToggle(run, "selected", index, event.shiftKey)}
          onChange={() => undefined}
        />
        <Status status={run.status} />
        {pinned.has(run.id) && (
          <span className="pin" title="pinned to the top">
            ⚲
          </span>
        )}
        <Link to={`/runs/${run.id}`} title={run.name} tabIndex={-1}>
          {middle(run.name, 24)}
        </Link>
      </div>
      {columns.map((column, at) => (
        <Cell key={column.field} run={run} column={column} format={formats[at]} />
      ))}
    </div>
  );
});

function Cell({
  run,
  column,
  format,
}: {
  run: Run;
  column: Column;
  format: ((value: number) => string) | undefined;
}) {
  const value = column.field === "attributes.duration" ? undefined : cellOf(run, column, 0);
  return (
    <div
      role="gridcell"
      tabIndex={-1}
      className={column.kind === "metric" ? "number" : "text"}
      title={titleOf(value, column)}
      data-label={column.label}
    >
      {column.field === "attributes.started_at" ? (
        <Ago time={value as number | undefined} />
      ) : column.field === "attributes.duration" ? (
        <Duration run={run} column={column} />
      ) : typeof value === "number" ? (
        (format?.(value) ?? value)
      ) : value === undefined ? (
        <span className="soft">–</span>
      ) : (
        middle(value, Math.floor(column.width / 7))
      )}
    </div>
  );
}

function Duration({ run, column }: { run: Run; column: Column }) {
  const now = useNow();
  const value = cellOf(run, column, now);
  return typeof value === "number" ? duration(value) : <span className="soft">–</span>;
}

function titleOf(value: Value, column: Column): string | undefined {
  if (value === undefined) return undefined;
  return column.field === "attributes.started_at" ? absolute(value as number) : `${column.label}: ${value}`;
}

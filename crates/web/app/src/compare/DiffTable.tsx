import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { Series } from "../charts/colours";
import { highlighted } from "../charts/highlight";
import { Swatch } from "../charts/Swatch";
import { useNarrow } from "../design/useNarrow";
import { middle } from "../format/names";
import { column as columnFormat, count } from "../format/numbers";
import { Link } from "../frame/Link";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { columnOf, type Kind, type Value } from "../table/columns";
import { Status } from "../table/Status";
import type { Fact } from "./facts";
import type { Cells } from "./useCells";

interface Props {
  runs: readonly Run[];
  /** Metrics, params and tags, in the order in which they are shown. */
  fields: readonly string[];
  facts: readonly Fact[];
  cells: Cells;
  /** The metric by which the runs are in order. */
  objective: string | undefined;
  seriesOf: (id: string) => Series;
  onRemove: (id: string) => void;
}

type Line =
  | { kind: "section"; label: string; size: number }
  | { kind: "field"; field: string }
  | { kind: "fact"; fact: Fact };

const ROW = 28;
const NAME_WIDTH = { wide: 208, narrow: 128 };
const RUN_WIDTH = 144;
const HEAD = 44;
const SECTIONS: Record<Kind, string> = { metric: "Metrics", param: "Params", tag: "Tags", attribute: "Run" };

/** What runs have, a run a column, the best first. Only what is seen is made, and asked for. */
export function DiffTable({ runs, fields, facts, cells, objective, seriesOf, onRemove }: Props) {
  const scroller = useRef<HTMLElement>(null);
  const nameWidth = useNarrow() ? NAME_WIDTH.narrow : NAME_WIDTH.wide;
  const lines = useMemo(() => linesOf(fields, facts), [fields, facts]);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 10,
    scrollMargin: HEAD,
  });
  const columns = useVirtualizer({
    horizontal: true,
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => RUN_WIDTH,
    overscan: 3,
  });
  const seen = rows.getVirtualItems();
  const shown = columns.getVirtualItems();
  const asked = seen.flatMap(({ index }) => {
    const line = lines[index];
    return line?.kind === "field" ? [line.field] : [];
  });
  const { want } = cells;
  useEffect(() => {
    if (asked.length) want(asked);
  }, [want, asked.join("\n")]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section ref={scroller} className="differences" tabIndex={0} aria-label="Differences">
      <div
        role="table"
        aria-label="What the runs have"
        aria-rowcount={lines.length + 1}
        aria-colcount={runs.length + 1}
        className="diff-table"
        style={{
          width: nameWidth + columns.getTotalSize(),
          height: HEAD + rows.getTotalSize(),
          ["--name-width" as string]: `${nameWidth}px`,
          ["--run-width" as string]: `${RUN_WIDTH}px`,
        }}
      >
        <div role="row" className="diff-head" aria-rowindex={1}>
          <div role="columnheader" className="diff-name soft">
            {objective ? "best first" : "newest first"}
          </div>
          {shown.map(({ index, start }) => {
            const run = runs[index];
            return (
              run && (
                <div
                  key={run.id}
                  role="columnheader"
                  aria-colindex={index + 2}
                  className="diff-run"
                  style={{ left: nameWidth + start }}
                  onMouseEnter={() => highlighted.set(run.id)}
                  onMouseLeave={() => highlighted.set(undefined)}
                >
                  <span className="diff-run-name">
                    <Swatch series={seriesOf(run.id)} />
                    <Link to={`/runs/${run.id}`} title={run.name}>
                      {middle(run.name, 13)}
                    </Link>
                  </span>
                  <span className="soft">
                    <Status status={run.status} /> {run.user}
                    <button
                      type="button"
                      className="button plain icon remove"
                      aria-label={`Leave ${run.name} out`}
                      title="leave it out"
                      onClick={() => onRemove(run.id)}
                    >
                      ×
                    </button>
                  </span>
                </div>
              )
            );
          })}
        </div>
        {seen.map(({ index, start }) => {
          const line = lines[index];
          if (!line) return null;
          const style = { top: start };
          if (line.kind === "section") {
            return (
              <div
                key={line.label}
                role="row"
                aria-rowindex={index + 2}
                className="diff-row diff-section"
                style={style}
              >
                <div role="rowheader" className="diff-name">
                  {line.label} <span className="soft">{count(line.size)}</span>
                </div>
              </div>
            );
          }
          const label = line.kind === "field" ? columnOf(line.field).label : line.fact.label;
          const known = line.kind === "field" ? cells.of(line.field) : undefined;
          const format =
            known && columnFormat([...known.values()].filter((value) => typeof value === "number"));
          const best = line.kind === "field" && line.field === objective;
          return (
            <div
              key={line.kind === "field" ? line.field : `${line.fact.section} ${label}`}
              role="row"
              aria-rowindex={index + 2}
              className={best ? "diff-row objective" : "diff-row"}
              style={style}
            >
              <div role="rowheader" className="diff-name" title={label}>
                {middle(label, nameWidth === NAME_WIDTH.wide ? 28 : 16)}
              </div>
              {shown.map((column) => {
                const run = runs[column.index];
                const value: Value =
                  line.kind === "fact" ? line.fact.values[column.index] : run && known?.get(run.id);
                const before: Value =
                  line.kind === "fact" ? line.fact.values[0] : runs[0] && known?.get(runs[0].id);
                const waits = line.kind === "field" && known === undefined;
                return (
                  <Cell
                    key={column.index}
                    column={column.index}
                    left={nameWidth + column.start}
                    value={value}
                    waits={waits}
                    format={format}
                    isSame={column.index > 0 && value === before}
                  />
                );
              })}
            </div>
          );
        })}
      </div>
    </section>
  );
}

function Cell({
  column,
  left,
  value,
  waits,
  format,
  isSame,
}: {
  column: number;
  left: number;
  value: Value;
  waits: boolean;
  format: ((value: number) => string) | undefined;
  isSame: boolean;
}) {
  const isNumber = typeof value === "number";
  return (
    <div
      role="cell"
      aria-colindex={column + 2}
      className={["diff-cell", isNumber && "number", isSame && "soft"].filter(Boolean).join(" ")}
      style={{ left }}
      title={value === undefined ? undefined : `${value}${isSame ? "\nas in the first run" : ""}`}
    >
      {waits ? "…" : value === undefined ? "–" : isNumber ? (format?.(value) ?? value) : middle(value, 15)}
    </div>
  );
}

function linesOf(fields: readonly string[], facts: readonly Fact[]): Line[] {
  const lines: Line[] = [];
  const sections = new Map<string, Line[]>();
  const add = (label: string, line: Line) => {
    const known = sections.get(label);
    if (known) known.push(line);
    else sections.set(label, [line]);
  };
  for (const field of fields) add(SECTIONS[columnOf(field).kind], { kind: "field", field });
  for (const fact of facts) add(fact.section, { kind: "fact", fact });
  for (const [label, own] of sections) lines.push({ kind: "section", label, size: own.length }, ...own);
  return lines;
}

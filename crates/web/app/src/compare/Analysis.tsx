import { type RefObject, useEffect, useMemo, useRef } from "react";
import { nameOf } from "../api/fields";
import { paintOf, type Series } from "../charts/colours";
import { pictureOf } from "../charts/picture";
import { Notice } from "../frame/States";
import { type Run, type RunField, RunFieldKind } from "../generated/herdbook/tracking/v1/run_pb";
import { hrefTo, listText, navigate, setQuery } from "../state/url";
import { columnOf } from "../table/columns";
import { BestOfGroup } from "./BestOfGroup";
import { FieldPicker } from "./FieldPicker";
import { pictureOfWeights, rowsOfRuns, rowsOfWeights } from "./files";
import { ImportanceTable } from "./ImportanceTable";
import { importanceOf } from "./importance";
import { Parallel } from "./Parallel";
import { Scatter, shadeOf } from "./Scatter";
import { Section } from "./Section";
import { scaleOf } from "./scale";
import type { Goal, Subject } from "./subject";
import type { Cells } from "./useCells";

interface Props {
  subject: Subject;
  runs: readonly Run[];
  fields: readonly RunField[];
  cells: Cells;
  objective: string | undefined;
  goal: Goal;
  seriesOf: (id: string) => Series;
  /** Whether the runs are so few that each has a colour of its own. */
  distinct: boolean;
}

/** Axes at first: the objective, and params in which the runs differ. */
const AXES = 6;
/** Params that are looked at for their importance. */
const PARAMS = 60;
const GROUPABLE = [RunFieldKind.PARAM, RunFieldKind.TAG] as const;

/** What made the good runs good: parallel coordinates, a scatter, what params are worth, the best of each group. */
export function Analysis({ subject, runs, fields, cells, objective, goal, seriesOf, distinct }: Props) {
  const params = useMemo(
    () =>
      fields
        .filter(({ kind, differs }) => kind === RunFieldKind.PARAM && differs)
        .map(nameOf)
        .slice(0, PARAMS),
    [fields],
  );
  const axes = subject.axes.length
    ? subject.axes
    : [...params.slice(0, AXES - 1), ...(objective ? [objective] : [])];
  const x = subject.scatter.x ?? params[0] ?? objective;
  const y = subject.scatter.y ?? objective;
  const { colour } = subject.scatter;
  const wanted = [
    ...new Set([...axes, ...params, x, y, colour, objective].filter((one) => one !== undefined)),
  ];
  const { want, of } = cells;
  useEffect(() => want(wanted), [want, wanted.join("\n")]);

  const measured = objective ? of(objective) : undefined;
  const shades = useMemo(() => measured && scaleOf([...measured.values()]), [measured]);
  const paint = useMemo(() => {
    if (distinct || !measured || !shades) return (id: string) => paintOf(seriesOf(id));
    return (id: string) => {
      const at = shades.place(measured.get(id));
      return at === undefined ? "var(--line-strong)" : shadeOf(at, shades);
    };
  }, [distinct, measured, shades, seriesOf]);
  const isKnown = params.every((field) => of(field)) && measured !== undefined;
  const importance = useMemo(
    () => (isKnown && objective ? importanceOf(params, of, objective) : undefined),
    [isKnown, params, of, objective],
  );
  const parallel = useRef<SVGSVGElement>(null);
  const scatter = useRef<SVGSVGElement>(null);
  const pictureIn = (title: string, { current }: RefObject<SVGSVGElement | null>) =>
    current ? pictureOf(title, current) : undefined;
  const open = (id: string) => navigate(hrefTo(`/runs/${id}`));
  const { scope } = subject;
  const scattered = [...new Set([x, y, colour].filter((one) => one !== undefined))];
  const weights = importance?.weights.length ? importance.weights : undefined;
  const groupBy = subject.groupBy ?? params[0] ?? "";

  if (!objective) {
    return (
      <Notice title="No metric yet">What is good is told by a metric: the runs have none so far.</Notice>
    );
  }
  const matters = `What matters for ${columnOf(objective).label}`;
  return (
    <div className="analysis">
      <Section
        title="Parallel coordinates"
        picture={() => pictureIn("Parallel coordinates", parallel)}
        rows={() => rowsOfRuns(runs, axes, of)}
        aside={
          <>
            {axes.map((field) => (
              <button
                key={field}
                type="button"
                className="button plain axis-chip"
                aria-label={`Leave ${field} out`}
                onClick={() => setQuery({ axes: listText(axes.filter((one) => one !== field)) })}
              >
                {columnOf(field).label} ×
              </button>
            ))}
            <FieldPicker
              label="add"
              scope={scope}
              value=""
              placeholder="param or metric"
              onChange={(field) => setQuery({ axes: listText([...new Set([...axes, field])]) })}
            />
          </>
        }
      >
        <Parallel
          drawing={parallel}
          runs={runs}
          fields={axes}
          cellsOf={of}
          colourOf={paint}
          brushes={subject.brushes}
          onBrush={(brushes) =>
            setQuery({
              brush: listText(
                [...brushes].map(([field, [a, b]]) => `${field}=${a.toFixed(3)}:${b.toFixed(3)}`),
              ),
            })
          }
          onPick={open}
        />
      </Section>
      <Section
        title="Scatter"
        picture={() => pictureIn("Scatter", scatter)}
        rows={() => rowsOfRuns(runs, scattered, of)}
        aside={
          <>
            <FieldPicker label="x" scope={scope} value={x ?? ""} onChange={(sx) => setQuery({ sx })} />
            <FieldPicker label="y" scope={scope} value={y ?? ""} onChange={(sy) => setQuery({ sy })} />
            <FieldPicker
              label="colour"
              scope={scope}
              value={colour ?? ""}
              placeholder={distinct ? "the run" : columnOf(objective).label}
              onChange={(sc) => setQuery({ sc })}
            />
          </>
        }
      >
        {x && y && (
          <Scatter
            drawing={scatter}
            runs={runs}
            x={x}
            y={y}
            colour={colour}
            cellsOf={of}
            colourOf={paint}
            onPick={open}
          />
        )}
      </Section>
      <Section
        title={matters}
        picture={weights && (() => pictureOfWeights(matters, weights))}
        rows={weights && (() => rowsOfWeights(weights))}
      >
        {isKnown ? (
          <ImportanceTable found={importance} objective={objective} runs={runs.length} />
        ) : (
          <p className="soft">Reading…</p>
        )}
      </Section>
      <BestOfGroup
        scope={scope}
        groupBy={groupBy}
        objective={objective}
        goal={goal}
        aside={
          <FieldPicker
            label="group by"
            scope={scope}
            value={groupBy}
            kinds={GROUPABLE}
            onChange={(group) => setQuery({ group })}
          />
        }
      />
    </div>
  );
}

import { type ReactNode, useEffect, useMemo } from "react";
import { nameOf } from "../api/fields";
import { Notice } from "../frame/States";
import { type Run, type RunField, RunFieldKind } from "../generated/herdbook/tracking/v1/run_pb";
import { hrefTo, listText, navigate, setQuery } from "../state/url";
import { columnOf } from "../table/columns";
import { BestOfGroup } from "./BestOfGroup";
import { FieldPicker } from "./FieldPicker";
import { ImportanceTable } from "./ImportanceTable";
import { importanceOf } from "./importance";
import { Parallel } from "./Parallel";
import { Scatter, shadeOf } from "./Scatter";
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
  colourOf: (id: string) => string;
  /** Whether the runs are so few that each has a colour of its own. */
  distinct: boolean;
}

/** Axes at first: the objective, and params in which the runs differ. */
const AXES = 6;
/** Params that are looked at for their importance. */
const PARAMS = 60;
const GROUPABLE = [RunFieldKind.PARAM, RunFieldKind.TAG] as const;

/** What made the good runs good: parallel coordinates, a scatter, what params are worth, the best of each group. */
export function Analysis({ subject, runs, fields, cells, objective, goal, colourOf, distinct }: Props) {
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
    if (distinct || !measured || !shades) return (id: string) => `var(--${colourOf(id)})`;
    return (id: string) => {
      const at = shades.place(measured.get(id));
      return at === undefined ? "var(--line-strong)" : shadeOf(at, shades);
    };
  }, [distinct, measured, shades, colourOf]);
  const isKnown = params.every((field) => of(field)) && measured !== undefined;
  const importance = useMemo(
    () => (isKnown && objective ? importanceOf(params, of, objective) : undefined),
    [isKnown, params, of, objective],
  );
  const open = (id: string) => navigate(hrefTo(`/runs/${id}`));
  const { scope } = subject;

  if (!objective) {
    return (
      <Notice title="No metric yet">What is good is told by a metric: the runs have none so far.</Notice>
    );
  }
  return (
    <div className="analysis">
      <Section
        title="Parallel coordinates"
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
          <Scatter runs={runs} x={x} y={y} colour={colour} cellsOf={of} colourOf={paint} onPick={open} />
        )}
      </Section>
      <Section title={`What matters for ${columnOf(objective).label}`}>
        {isKnown ? (
          <ImportanceTable found={importance} objective={objective} runs={runs.length} />
        ) : (
          <p className="soft">Reading…</p>
        )}
      </Section>
      <Section
        title="Best of each group"
        aside={
          <FieldPicker
            label="group by"
            scope={scope}
            value={subject.groupBy ?? params[0] ?? ""}
            kinds={GROUPABLE}
            onChange={(group) => setQuery({ group })}
          />
        }
      >
        {(subject.groupBy ?? params[0]) ? (
          <BestOfGroup
            scope={scope}
            groupBy={subject.groupBy ?? params[0] ?? ""}
            objective={objective}
            goal={goal}
          />
        ) : (
          <p className="soft">The runs do not differ in a param: choose what to group them by.</p>
        )}
      </Section>
    </div>
  );
}

function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="analysis-part" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

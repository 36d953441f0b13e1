import { useCallback, useEffect, useMemo, useState } from "react";
import { useAnswer } from "../api/answer";
import { experiments, runs as runService } from "../api/clients";
import { troubleOf } from "../api/errors";
import { useFields } from "../api/useFields";
import { ChartsPanel, type Shown } from "../charts/ChartsPanel";
import { useSeries } from "../charts/useSeries";
import { Comments } from "../comments/Comments";
import { copyText } from "../design/Copy";
import { FilterBox } from "../filter/FilterBox";
import { count } from "../format/numbers";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { type Run, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { usePersonal } from "../state/personal";
import { hrefTo, listText, navigate, setQuery } from "../state/url";
import { askedFor, columnOf, defaultColumns } from "../table/columns";
import { RunTable } from "../table/RunTable";
import { addSteps } from "../table/steps";
import { ValuePanels } from "../values/ValuePanels";
import "./experiment.css";
import { GroupTable, showRuns } from "./GroupTable";
import { readGroups } from "./groups";
import { Selection } from "./Selection";
import { Splitter } from "./Splitter";
import { Toolbar } from "./Toolbar";
import { countRuns, useRuns } from "./useRuns";
import { useTableKeys } from "./useTableKeys";
import { recolour, showOnly, togglePinned, toggleShown, useView } from "./view";

const GROUPS_MS = 5000;
const TOTAL_MS = 30_000;
const VALUES_MS = 10_000;
const NO_KEYS: readonly string[] = [];
const NOTHING: ReadonlyMap<string, Run> = new Map();

/** An experiment: its runs as a table, and the curves of those that are shown beside it. */
export default function ExperimentPage({ id }: { id: bigint }) {
  const view = useView();
  const found = useAnswer(`experiment ${id}`, (signal) =>
    experiments.getExperiment({ experiment: { case: "id", value: id } }, { signal }),
  );
  const { known: fields } = useFields(id);
  const [kept, keep] = usePersonal<string[]>(`columns.${id}`, []);
  const name = found.data?.experiment?.name;
  useTitle(name);

  const chosen = view.columns.length ? view.columns : kept.length ? kept : undefined;
  const columnFields = useMemo(
    () => chosen ?? (fields && defaultColumns(fields, (field) => fields.differing.has(field))) ?? NO_KEYS,
    [chosen?.join("\n"), fields],
  );
  const columns = useMemo(() => columnFields.map(columnOf), [columnFields]);
  const pinList = view.pinned.map((pin) => `'${pin}'`).join(", ");
  // Those that are pinned stand above the others, and not among them.
  const others = pinList && `NOT attributes.run_id IN (${pinList})`;
  const question = {
    experimentId: id,
    filter: view.filter && others ? `(${view.filter}) and ${others}` : view.filter || others,
    order: view.order,
    deleted: view.deleted,
    columns: columnFields,
    top: view.top,
  };
  const table = useRuns(view.groupBy ? undefined : question);
  const all = useAnswer(
    question.filter ? `total ${id} ${view.deleted}` : undefined,
    (signal) => countRuns(id, "", signal, view.deleted),
    { every: TOTAL_MS },
  ).data;
  const pins = useAnswer(
    view.pinned.length ? `pins ${view.pinned} ${columnFields}` : undefined,
    async (signal) => {
      const filter = `attributes.run_id IN (${pinList})`;
      const columns = askedFor(columnFields);
      const found = await runService.searchRuns({ experimentIds: [id], filter, columns }, { signal });
      await addSteps(found.runs, columnFields, signal);
      return found.runs;
    },
  ).data;
  const pinned = useMemo(() => new Set(view.pinned), [view.pinned]);
  const top = useMemo(
    () => view.pinned.flatMap((pin) => pins?.find((run) => run.id === pin) ?? []),
    [pins, view.pinned],
  );
  const rows = useMemo(() => [...top, ...table.rows], [top, table.rows]);
  const total = top.length + Math.max(table.total ?? 0, table.rows.length);
  const { see, at } = table;
  const runAt = useCallback(
    (index: number) => (index < top.length ? top[index] : at(index - top.length)),
    [top, at],
  );
  const onSee = useCallback(
    (first: number, last: number) => see(Math.max(0, first - top.length), Math.max(0, last - top.length)),
    [see, top.length],
  );

  const groups = useAnswer(
    view.groupBy ? `groups ${id} ${view.filter} ${view.groupBy} ${view.order} ${columnFields}` : undefined,
    (signal) =>
      readGroups(
        { experimentId: id, filter: view.filter, groupBy: view.groupBy ?? "", order: view.order, columns },
        signal,
      ),
    { every: GROUPS_MS },
  );

  const first = useMemo(() => rows.slice(0, view.top).map((run) => run.id), [rows, view.top]);
  const shownIds = useMemo(() => {
    const ids = [...new Set([...first.filter((one) => !view.hidden.has(one)), ...view.added])];
    // Charts must not begin anew when a poll brings the same runs.
    return ids.join();
  }, [first, view.hidden, view.added]);
  const running = rows.filter((run) => run.status === RunStatus.RUNNING).map((run) => run.id);
  const runningIds = running.filter((one) => shownIds.includes(one)).join();
  const shownGroups = JSON.stringify(
    view.groupBy
      ? groups.data
          ?.filter((group) => group.runIds.length && !view.hidden.has(group.name))
          .map((group) => ({ name: group.name, runIds: group.runIds }))
      : undefined,
  );
  const shown: Shown = useMemo(
    () => ({
      runIds: shownIds ? shownIds.split(",") : [],
      running: runningIds ? runningIds.split(",") : [],
      groups: shownGroups ? JSON.parse(shownGroups) : undefined,
    }),
    [shownIds, runningIds, shownGroups],
  );
  const shownSet = useMemo(() => new Set(shown.runIds), [shown]);

  const names = useMemo(() => new Map(rows.map((run) => [run.id, run.name])), [rows]);
  const nameOf = useCallback((one: string) => names.get(one) ?? one.slice(0, 8), [names]);
  const coloured = useMemo(() => shown.groups?.map((group) => group.name) ?? shown.runIds, [shown]);
  const seriesOf = useSeries(id, coloured, view.colours);

  const [isDrawn, setDrawn] = useState(false);
  const drawn = useCallback(() => setDrawn(true), []);
  const [active, setActive] = useState(-1);
  const [selected, setSelected] = useState<ReadonlyMap<string, Run>>(NOTHING);
  const [anchor, setAnchor] = useState(-1);
  const selectedIds = useMemo(() => new Set(selected.keys()), [selected]);
  const toggle = (run: Run, what: "shown" | "selected" | "pinned", index: number, range = false) => {
    if (what === "shown") toggleShown(view, run.id, shownSet.has(run.id));
    else if (what === "pinned") togglePinned(view, run.id);
    else {
      const [from, to] =
        range && anchor >= 0 ? [Math.min(anchor, index), Math.max(anchor, index)] : [index, index];
      const next = new Map(selected);
      const on = !selected.has(run.id);
      for (let place = from; place <= to; place++) {
        const one = runAt(place);
        if (one && on) next.set(one.id, one);
        else if (one) next.delete(one.id);
      }
      setSelected(next);
      setAnchor(index);
    }
  };
  const compared = selected.size ? [...selected.keys()] : shown.runIds;
  const compare = () =>
    navigate(
      hrefTo("/compare", {
        experiment: id.toString(),
        runs: listText(compared),
        colours: listText([...view.colours].map(([one, hue]) => `${one}=${hue}`)),
      }),
    );
  /** A line that is clicked on is marked in the table, from where `Enter` opens it and `y` copies its name. */
  const pick = (one: string) => {
    const group = groups.data?.find(({ name: own }) => own === one);
    const at = rows.findIndex((run) => run.id === one);
    if (view.groupBy && group) showRuns(view.filter, group);
    else if (at >= 0) setActive(at);
    else navigate(hrefTo(`/runs/${one}`));
  };
  const isolate = () => showOnly([...selected.keys()], first);
  const activeRun = runAt(active);
  useTableKeys({
    move: (by) => setActive((before) => Math.min(total - 1, Math.max(0, before + by))),
    open: () => activeRun && navigate(hrefTo(`/runs/${activeRun.id}`)),
    toggle: (what) => activeRun && toggle(activeRun, what, active),
    recolour: () => activeRun && recolour(view, activeRun.id, seriesOf(activeRun.id)),
    compare: () => compared.length > 0 && compare(),
    isolate: () => selected.size > 0 && isolate(),
    copy: () => activeRun && copyText(activeRun.name).then(() => toast(`“${activeRun.name}” is copied`)),
  });
  useEffect(() => {
    if (view.groupBy) setSelected(NOTHING);
  }, [view.groupBy]);

  if (found.error !== undefined)
    return <Trouble error={found.error} what={`Experiment ${id}`} retry={found.reload} />;
  if (!found.data) return <Skeleton />;
  const wrong = table.error !== undefined && troubleOf(table.error) === "wrong";
  const tableBody =
    table.error !== undefined && !wrong ? (
      <Trouble error={table.error} what="The list of runs" retry={table.reload} />
    ) : wrong ? (
      <div className="under-filter">
        <Notice
          title="The filter cannot be read"
          action={
            <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
              Clear the filter
            </button>
          }
        >
          What is wrong with it is told under the filter.
        </Notice>
      </div>
    ) : view.groupBy ? (
      groups.error !== undefined ? (
        <Trouble error={groups.error} what="The groups" retry={groups.reload} />
      ) : groups.data ? (
        <GroupTable
          groups={groups.data}
          columns={columns}
          seriesOf={seriesOf}
          filter={view.filter}
          hidden={view.hidden}
          onToggle={(group) => {
            const isHidden = view.hidden.has(group.name);
            const rest = [...view.hidden].filter((one) => one !== group.name);
            setQuery({ hide: listText(isHidden ? rest : [...rest, group.name]) });
          }}
        />
      ) : (
        <Skeleton />
      )
    ) : total === 0 && table.total === 0 && !table.stale ? (
      <Nothing filter={view.filter} deleted={view.deleted} id={id} />
    ) : total === 0 ? (
      <Skeleton />
    ) : (
      <RunTable
        total={total}
        runAt={runAt}
        onSee={onSee}
        columns={columns}
        order={view.order}
        onOrder={(order) => setQuery({ sort: order })}
        shown={shownSet}
        pinned={pinned}
        selected={selectedIds}
        seriesOf={seriesOf}
        active={active}
        onActive={setActive}
        onToggle={toggle}
        onColour={(run) => recolour(view, run.id, seriesOf(run.id))}
        dimmed={table.stale}
      />
    );
  return (
    <div className="experiment">
      <Crumb>{name}</Crumb>
      <h1 className="hidden-text">Experiment {name}</h1>
      <Toolbar
        view={view}
        fields={fields}
        columns={columnFields}
        compared={{ experiment: id.toString(), q: view.filter || undefined }}
        experimentId={id}
        onColumns={(next) => {
          keep(next);
          setQuery({ cols: listText(next) });
        }}
      >
        <FilterBox
          things="runs"
          placeholder="filter, such as metrics.val_loss < 0.3 and params.lr = '0.01'   /"
          value={view.filter}
          fields={fields}
          known={fields}
          countFor={(filter, signal) => countRuns(id, filter, signal, view.deleted)}
          found={view.groupBy || table.stale || others ? undefined : table.total}
          total={question.filter ? all : table.total}
          onChange={(filter) => setQuery({ q: filter }, { push: true })}
        />
      </Toolbar>
      <Splitter
        name="experiment"
        left={
          <>
            {selected.size > 0 && (
              <Selection
                runs={[...selected.values()]}
                deleted={view.deleted}
                onCompare={compare}
                onIsolate={isolate}
                onPin={() => setQuery({ pin: listText([...new Set([...view.pinned, ...selected.keys()])]) })}
                onClear={() => setSelected(NOTHING)}
                onChanged={() => {
                  setSelected(NOTHING);
                  table.reload();
                }}
              />
            )}
            {tableBody}
            {!view.groupBy && total > 0 && (
              <footer className="table-foot soft">
                <span>
                  {count(shown.runIds.length)} of {count(total)} in the charts
                </span>
                <span>
                  <kbd>?</kbd> keys
                </span>
              </footer>
            )}
          </>
        }
        right={
          <>
            <ChartsPanel
              shown={shown}
              metricKeys={fields?.metrics ?? NO_KEYS}
              known={fields}
              nameOf={nameOf}
              seriesOf={seriesOf}
              onPick={pick}
              onDrawn={drawn}
            />
            {!view.groupBy && isDrawn && (
              <ValuePanels
                runIds={shown.runIds}
                nameOf={nameOf}
                seriesOf={seriesOf}
                every={shown.running.length ? VALUES_MS : undefined}
              />
            )}
            <div className="experiment-talk">
              {isDrawn && <Comments kind={SubjectKind.EXPERIMENT} name={id.toString()} />}
            </div>
          </>
        }
      />
    </div>
  );
}

function Nothing({ filter, deleted, id }: { filter: string; deleted: boolean; id: bigint }) {
  if (deleted) {
    return (
      <Notice
        title="No deleted runs"
        action={
          <button type="button" className="button" onClick={() => setQuery({ deleted: undefined })}>
            Show the runs in use
          </button>
        }
      />
    );
  }
  if (filter) {
    return (
      <Notice
        title="No run passes the filter"
        action={
          <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
            Show all runs
          </button>
        }
      />
    );
  }
  return (
    <Notice
      title="No runs yet"
      action={
        <Link to="/start" query={{ experiment: id.toString() }} className="button primary">
          How to log one
        </Link>
      }
    >
      The first that is logged to this experiment appears here by itself.
    </Notice>
  );
}

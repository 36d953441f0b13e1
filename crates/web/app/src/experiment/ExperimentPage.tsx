import { useCallback, useEffect, useMemo, useState } from "react";
import { useAnswer } from "../api/answer";
import { experiments, runs as runService } from "../api/clients";
import { troubleOf } from "../api/errors";
import { ChartsPanel, type Shown } from "../charts/ChartsPanel";
import { assignHues, hueOf, rememberedHues, rememberHues } from "../charts/colours";
import { copyText } from "../design/Copy";
import { FilterBox } from "../filter/FilterBox";
import { count } from "../format/numbers";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import { type Run, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { usePersonal } from "../state/personal";
import { hrefTo, listText, navigate, setQuery } from "../state/url";
import { columnOf, defaultColumns, type Fields, fieldsOf } from "../table/columns";
import { RunTable } from "../table/RunTable";
import "./experiment.css";
import { GroupTable } from "./GroupTable";
import { readGroups } from "./groups";
import { Selection } from "./Selection";
import { Splitter } from "./Splitter";
import { Toolbar } from "./Toolbar";
import { countRuns, useRuns } from "./useRuns";
import { useTableKeys } from "./useTableKeys";
import { recolour, showOnly, togglePinned, toggleShown, useView } from "./view";

/** Whole runs that are looked at to know which fields there are. */
const SAMPLE = 5;
const FIELDS_MS = 30_000;
const GROUPS_MS = 5000;
const NO_FIELDS: Fields = { metrics: [], params: [], tags: [] };
const NOTHING: ReadonlySet<string> = new Set();

/** An experiment: its runs as a table, and the curves of those that are shown beside it. */
export default function ExperimentPage({ id }: { id: bigint }) {
  const view = useView();
  const found = useAnswer(`experiment ${id}`, (signal) =>
    experiments.getExperiment({ experiment: { case: "id", value: id } }, { signal }),
  );
  const sample = useAnswer(
    `fields ${id}`,
    async (signal) =>
      (await runService.searchRuns({ experimentIds: [id], pageSize: SAMPLE }, { signal })).runs,
    { every: FIELDS_MS },
  ).data;
  const fields = useMemo(() => (sample ? fieldsOf(sample) : undefined), [sample]);
  const [kept, keep] = usePersonal<string[]>(`columns.${id}`, []);
  const name = found.data?.experiment?.name;
  useTitle(name);

  const chosen = view.columns.length ? view.columns : kept.length ? kept : undefined;
  const columnFields = useMemo(
    () => chosen ?? (fields && sample ? defaultColumns(fields, sample) : undefined),
    [chosen?.join("\n"), fields, sample],
  );
  const columns = useMemo(() => (columnFields ?? []).map(columnOf), [columnFields]);
  const question = columnFields && {
    experimentId: id,
    filter: view.filter,
    order: view.order,
    columns: columnFields,
  };
  const table = useRuns(view.groupBy ? undefined : question);
  const all = useAnswer(`total ${id}`, (signal) => countRuns(id, "", signal), { every: FIELDS_MS }).data;
  const pins = useAnswer(
    view.pinned.length ? `pins ${view.pinned} ${columnFields}` : undefined,
    async (signal) => {
      const filter = `attributes.run_id IN (${view.pinned.map((pin) => `'${pin}'`).join(", ")})`;
      return (await runService.searchRuns({ experimentIds: [id], filter }, { signal })).runs;
    },
  ).data;
  const pinned = useMemo(() => new Set(view.pinned), [view.pinned]);
  const rows = useMemo(() => {
    const first = view.pinned.flatMap((pin) => pins?.find((run) => run.id === pin) ?? []);
    const rest = first.length ? table.rows.filter((run) => !pinned.has(run.id)) : table.rows;
    return [...first, ...rest];
  }, [table.rows, pins, pinned, view.pinned]);
  const total = Math.max(rows.length, table.total);
  const { reach } = table;
  const runAt = useCallback((index: number) => rows[index], [rows]);
  const onSee = useCallback((_first: number, last: number) => reach(last), [reach]);

  const groups = useAnswer(
    view.groupBy && columnFields
      ? `groups ${id} ${view.filter} ${view.groupBy} ${view.order} ${columnFields}`
      : undefined,
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
  const colourOf = useColours(id, shown, view.colours);

  const [active, setActive] = useState(-1);
  const [selected, setSelected] = useState<ReadonlySet<string>>(NOTHING);
  const [anchor, setAnchor] = useState(-1);
  const toggle = (run: Run, what: "shown" | "selected" | "pinned", range = false) => {
    if (what === "shown") toggleShown(view, run.id, shownSet.has(run.id));
    else if (what === "pinned") togglePinned(view, run.id);
    else {
      const at = rows.indexOf(run);
      const next = new Set(selected);
      const between =
        range && anchor >= 0 ? rows.slice(Math.min(anchor, at), Math.max(anchor, at) + 1) : [run];
      const on = !selected.has(run.id);
      for (const one of between) {
        if (on) next.add(one.id);
        else next.delete(one.id);
      }
      setSelected(next);
      setAnchor(at);
    }
  };
  const compare = () => showOnly([...selected], first);
  const activeRun = rows[active];
  useTableKeys({
    move: (by) => setActive((before) => Math.min(total - 1, Math.max(0, before + by))),
    open: () => activeRun && navigate(hrefTo(`/runs/${activeRun.id}`)),
    toggle: (what) => activeRun && toggle(activeRun, what),
    recolour: () => activeRun && recolour(view, activeRun.id, colourOf(activeRun.id)),
    compare: () => selected.size > 0 && compare(),
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
          colourOf={colourOf}
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
    ) : total === 0 && !table.stale ? (
      <Nothing filter={view.filter} id={id} />
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
        selected={selected}
        colourOf={colourOf}
        active={active}
        onActive={setActive}
        onToggle={toggle}
        onColour={(run) => recolour(view, run.id, colourOf(run.id))}
        dimmed={table.stale}
      />
    );
  return (
    <div className="experiment">
      <Crumb>{name}</Crumb>
      <h1 className="hidden-text">Experiment {name}</h1>
      <Toolbar
        view={view}
        fields={fields ?? NO_FIELDS}
        columns={columnFields ?? []}
        onColumns={(next) => {
          keep(next);
          setQuery({ cols: listText(next) });
        }}
      >
        <FilterBox
          things="runs"
          placeholder="filter, such as metrics.val_loss < 0.3 and params.lr = '0.01'   /"
          value={view.filter}
          fields={fields ?? NO_FIELDS}
          countFor={(filter, signal) => countRuns(id, filter, signal)}
          total={all}
          onChange={(filter) => setQuery({ q: filter }, { push: true })}
        />
      </Toolbar>
      <Splitter
        name="experiment"
        left={
          <>
            {selected.size > 0 && (
              <Selection
                runs={rows.filter((run) => selected.has(run.id))}
                onCompare={compare}
                onPin={() => setQuery({ pin: listText([...new Set([...view.pinned, ...selected])]) })}
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
          <ChartsPanel
            shown={shown}
            metricKeys={fields?.metrics ?? []}
            nameOf={nameOf}
            colourOf={colourOf}
            onPick={(one) => navigate(hrefTo(`/runs/${one}`))}
          />
        }
      />
    </div>
  );
}

/** The colour of each run or group: as somebody chose it, else as it was assigned when it was first shown. */
function useColours(experiment: bigint, shown: Shown, chosen: ReadonlyMap<string, number>) {
  const [kept] = useState(() => ({ hues: rememberedHues(experiment) }));
  const hues = useMemo(() => {
    kept.hues = assignHues(shown.groups?.map((group) => group.name) ?? shown.runIds, kept.hues);
    return kept.hues;
  }, [kept, shown]);
  useEffect(() => rememberHues(experiment, hues), [experiment, hues]);
  return useCallback((id: string) => `series-${chosen.get(id) ?? hues.get(id) ?? hueOf(id)}`, [chosen, hues]);
}

function Nothing({ filter, id }: { filter: string; id: bigint }) {
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

import { useCallback, useEffect, useMemo, useState } from "react";
import { useAnswer } from "../api/answer";
import { experiments, runs as service } from "../api/clients";
import { troubleOf } from "../api/errors";
import { listFields, nameOf } from "../api/fields";
import { ChartsPanel } from "../charts/ChartsPanel";
import { HUES } from "../charts/colours";
import { SaveMenu } from "../charts/SaveMenu";
import { useSeries } from "../charts/useSeries";
import { copyText } from "../design/Copy";
import { coloursOf } from "../experiment/view";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { useShortcuts } from "../frame/shortcuts";
import { toast } from "../frame/toasts";
import { type Run, type RunField, RunFieldKind, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { hrefTo, listText, navigate, setQuery, usePlace } from "../state/url";
import { columnOf, isHeldOut } from "../table/columns";
import { ValuePanels } from "../values/ValuePanels";
import { Analysis } from "./Analysis";
import "./compare.css";
import { DiffTable } from "./DiffTable";
import { FieldPicker } from "./FieldPicker";
import { factsOf, isSame } from "./facts";
import { rowsOfFields } from "./files";
import { COMPARED, goalOf, type Subject, useSubject } from "./subject";
import { useCells } from "./useCells";

/** How often runs at work are looked at anew. */
const AT_WORK_MS = 4000;
/** So many fields of a kind are listed at once, and so many in the end: the rest is found by name where fields are picked. */
const FIRST = 1000;
const FIELDS = 20_000;
/** Of so many runs at most code and environment are compared. */
const WITH_SOURCE = 100;
/** Runs that the charts show at first: the best. */
const DRAWN = 50;
const HEAD = ["name", "status", "user", "started_at", "ended_at", "experiment_id"].map(
  (name) => `attributes.${name}`,
);

/** Runs beside each other: in what they differ, how they went, and what made the good ones good. */
export default function ComparePage() {
  const subject = useSubject();
  if (subject.runIds.length === 0 && subject.experimentId === undefined) {
    return (
      <Notice title="No runs to compare" action={<Link to="/experiments">All experiments</Link>}>
        Select runs in an experiment’s table, then press <kbd>c</kbd>.
      </Notice>
    );
  }
  return <Comparison key={`${subject.scope.experimentIds} ${subject.scope.filter}`} subject={subject} />;
}

function Comparison({ subject }: { subject: Subject }) {
  const { scope, experimentId, runIds } = subject;
  const { query } = usePlace();
  const scopeKey = `${scope.experimentIds} ${scope.filter}`;
  const list = (most: number) => async (signal: AbortSignal) => {
    const kinds = [RunFieldKind.METRIC, RunFieldKind.PARAM, RunFieldKind.TAG];
    return Promise.all(kinds.map((kind) => listFields(scope, { kind, most }, signal)));
  };
  const fields = useAnswer(`fields ${scopeKey}`, list(FIRST));
  const isCut = fields.data?.some(({ complete }) => !complete);
  const whole = useAnswer(isCut ? `all fields ${scopeKey}` : undefined, list(FIELDS)).data;
  const all = useMemo(() => (whole ?? fields.data)?.flatMap((one) => one.fields) ?? [], [whole, fields.data]);
  const found = fields.data?.[0]?.runs ?? 0;
  const metricKeys = useMemo(
    () => all.filter(({ kind }) => kind === RunFieldKind.METRIC).map(({ key }) => key),
    [all],
  );
  // Of the first metrics, so that it stays when the others are known.
  const objective = subject.objective ?? defaultObjective(fields.data?.[0]?.fields ?? []);
  const goal = subject.goal ?? goalOf(objective ?? "");
  const order = objective ? `${objective} ${goal === "min" ? "asc" : "desc"}` : "";

  const most = runIds.length || COMPARED;
  const [round, setRound] = useState(0);
  const head = useAnswer(fields.data && `compared ${scopeKey} ${order}`, async (signal) => {
    const answer = await service.searchRuns(
      {
        experimentIds: [...scope.experimentIds],
        filter: scope.filter,
        orderBy: order ? [order] : [],
        columns: [...HEAD, "inputs.name", "inputs.digest", ...(objective ? [objective] : [])],
        pageSize: most,
        withSource: most <= WITH_SOURCE,
      },
      { signal },
    );
    return answer.runs;
  });
  const runs = head.data ?? NONE;
  const isAtWork = runs.some((run) => run.status === RunStatus.RUNNING);
  const { reload } = head;
  useEffect(() => {
    if (!isAtWork) return;
    const timer = setInterval(() => {
      if (document.visibilityState !== "visible") return;
      setRound((before) => before + 1);
      reload();
    }, AT_WORK_MS);
    return () => clearInterval(timer);
  }, [isAtWork, reload]);
  const cells = useCells(scope, order, most, round);

  const experiment = experimentId ?? (runs.length ? runs[0]?.experimentId : undefined);
  const name = useAnswer(experiment === undefined ? undefined : `experiment ${experiment}`, (signal) =>
    experiments.getExperiment({ experiment: { case: "id", value: experiment ?? 0n } }, { signal }),
  ).data?.experiment?.name;
  useTitle(`Comparison of ${runs.length} runs`);

  const chosen = useMemo(() => coloursOf(query), [query]);
  const ids = useMemo(() => runs.map((run) => run.id), [runs]);
  const names = useMemo(() => new Map(runs.map((run) => [run.id, run.name])), [runs]);
  const nameOfRun = useCallback((id: string) => names.get(id) ?? id.slice(0, 8), [names]);
  const drawn = ids.slice(0, DRAWN).join();
  const working = runs.filter((run) => run.status === RunStatus.RUNNING).map((run) => run.id);
  const atWork = working.filter((id) => drawn.includes(id)).join();
  const shown = useMemo(
    () => ({ runIds: drawn ? drawn.split(",") : [], running: atWork ? atWork.split(",") : [] }),
    [drawn, atWork],
  );

  const seriesOf = useSeries(experiment, shown.runIds, chosen);

  const facts = useMemo(() => factsOf(runs), [runs]);
  const shownFields = all.filter((field) => subject.showsAll || field.differs).map(nameOf);
  const ordered = objective
    ? [objective, ...shownFields.filter((field) => field !== objective)]
    : shownFields;
  const shownFacts = facts.filter((fact) => subject.showsAll || !isSame(fact));
  const same = all.length + facts.length - shownFields.length - shownFacts.length;
  const toggle = () => setQuery({ show: subject.showsAll ? undefined : "all" });
  const back = () =>
    navigate(hrefTo(experiment === undefined ? "/experiments" : `/experiments/${experiment}`));
  useShortcuts({
    d: { what: "only differences, or everything", run: toggle },
    b: { what: "back to the experiment", run: back },
    y: {
      what: "copy the address of this comparison",
      run: () => void copyText(window.location.href).then(() => toast("The address is copied")),
    },
  });

  const error = fields.error ?? head.error;
  if (error !== undefined && runs.length === 0) {
    return troubleOf(error) === "wrong" ? (
      <Notice
        title="What is to be compared cannot be read"
        action={<Link to="/experiments">All experiments</Link>}
      >
        The filter of the address is wrong.
      </Notice>
    ) : (
      <Trouble error={error} what="The comparison" retry={fields.reload} />
    );
  }
  if (!head.data) return <Skeleton />;
  if (runs.length === 0) {
    return (
      <Notice title="None of these runs is here" action={<Link to="/experiments">All experiments</Link>}>
        They may have been deleted, or be in another workspace.
      </Notice>
    );
  }
  const gone = runIds.length ? runIds.length - runs.length : 0;
  return (
    <article className={head.stale ? "compare stale" : "compare"}>
      <Crumb>
        {experiment !== undefined && (
          <Link to={`/experiments/${experiment}`}>{name ?? `experiment ${experiment}`}</Link>
        )}
        <span className="crumb-run">Comparison</span>
      </Crumb>
      <header className="compare-head">
        <h1>
          {runIds.length || found <= runs.length
            ? `${count(runs.length)} runs compared`
            : `The best ${count(runs.length)} of ${count(found)} runs`}
        </h1>
        {gone > 0 && <span className="warn">{count(gone)} of those named are not here</span>}
        <FieldPicker
          label="best by"
          scope={scope}
          value={objective ?? ""}
          kinds={METRICS}
          onChange={(field) => setQuery({ objective: field, goal: undefined })}
        />
        <label className="field">
          <select
            className="input"
            aria-label="Which values are best"
            value={goal}
            onChange={(event) => setQuery({ goal: event.target.value })}
          >
            <option value="min">smallest is best</option>
            <option value="max">largest is best</option>
          </select>
        </label>
        <button type="button" className="button" aria-pressed={!subject.showsAll} onClick={toggle} title="d">
          Only differences
        </button>
        {!subject.showsAll && same > 0 && (
          <span className="soft small">{count(same)} are the same in all</span>
        )}
        <SaveMenu
          title="the differences"
          rows={async () => {
            const columns = await cells.read(ordered);
            return rowsOfFields(runs, ordered, shownFacts, (field) => columns.get(field));
          }}
        />
      </header>
      <Verdict runs={runs} objective={objective} />
      <DiffTable
        runs={runs}
        fields={ordered}
        facts={shownFacts}
        cells={cells}
        objective={objective}
        seriesOf={seriesOf}
        onRemove={(id) => {
          const left = ids.filter((one) => one !== id);
          setQuery({ runs: listText(left), q: undefined }, { push: true });
        }}
      />
      {runs.length > WITH_SOURCE && (
        <p className="soft small compare-note">
          Code, environment and inputs are compared for up to {WITH_SOURCE} runs.
        </p>
      )}
      <Analysis
        subject={subject}
        runs={runs}
        fields={all}
        cells={cells}
        objective={objective}
        goal={goal}
        seriesOf={seriesOf}
        distinct={runs.length <= HUES}
      />
      <h2 className="compare-section">
        Curves{" "}
        {runs.length > DRAWN && (
          <span className="soft small">
            of the best {DRAWN} of {count(runs.length)}
          </span>
        )}
      </h2>
      <ChartsPanel
        shown={shown}
        metricKeys={metricKeys}
        nameOf={nameOfRun}
        seriesOf={seriesOf}
        onPick={(id) => navigate(hrefTo(`/runs/${id}`))}
      />
      <ValuePanels runIds={shown.runIds} nameOf={nameOfRun} seriesOf={seriesOf} />
    </article>
  );
}

const NONE: readonly Run[] = [];
const METRICS = [RunFieldKind.METRIC] as const;

/** The answer first: which run is best, and by how much. */
function Verdict({ runs, objective }: { runs: readonly Run[]; objective: string | undefined }) {
  if (!objective) return null;
  const { label } = columnOf(objective);
  const measured = (run: Run | undefined) => run?.metrics.find(({ key }) => key === label)?.latest;
  const [best, second] = [measured(runs[0]), measured(runs[1])];
  if (!runs[0] || best === undefined) return null;
  return (
    <p className="verdict">
      Best by {label}: <Link to={`/runs/${runs[0].id}`}>{middle(runs[0].name, 48)}</Link>{" "}
      <strong className="number">{short(best)}</strong>
      {second !== undefined && runs[1] && (
        <span className="soft">
          , then {middle(runs[1].name, 32)} {short(second)}
        </span>
      )}
    </p>
  );
}

/** What most runs have, before what few have; what was measured on data that was not trained on, before the rest. */
function defaultObjective(metrics: readonly RunField[]): string | undefined {
  const rank = ({ key, differs }: RunField) =>
    (key.startsWith("system") ? 4 : 0) + (differs ? 0 : 2) + (isHeldOut(key) ? 0 : 1);
  const [first] = [...metrics].sort((a, b) => rank(a) - rank(b) || Number(b.runCount - a.runCount));
  return first && nameOf(first);
}

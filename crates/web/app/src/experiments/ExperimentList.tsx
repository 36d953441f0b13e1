import { useEffect, useMemo } from "react";
import { useAnswer } from "../api/answer";
import { experiments, runs } from "../api/clients";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { count } from "../format/numbers";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { useShortcuts } from "../frame/shortcuts";
import type { Experiment } from "../generated/herdbook/tracking/v1/experiment_pb";
import { AggregateFunction } from "../generated/herdbook/tracking/v1/run_pb";
import { hrefTo, navigate, setQuery, usePlace } from "../state/url";
import "./experiments.css";

const REFRESH_MS = 5000;
const PAGE = 1000;
/** Those that were changed last; the others are found by their names. */
const MOST = 5000;
const SHOWN = 200;

/** What runs of an experiment there are. */
interface Tally {
  runs: number;
  running: number;
  lastStart: number | undefined;
}

/** All experiments of the workspace: which are at work, how many runs they have, and a way to find one. */
export function ExperimentList() {
  const { query } = usePlace();
  const search = query.get("q") ?? "";
  const list = useAnswer("experiments", listAll, { every: REFRESH_MS });
  const tallies = useAnswer("tallies", tally, { every: REFRESH_MS }).data;
  useTitle("Experiments");
  useShortcuts({
    "/": { what: "find an experiment", run: () => document.getElementById("find-experiment")?.focus() },
  });

  const nothing = list.data && tallies && tallies.size === 0 && list.data.length <= 1;
  useEffect(() => {
    if (nothing && window.location.pathname === "/") navigate(hrefTo("/start"), { replace: true });
  }, [nothing]);

  const found = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/);
    return (list.data ?? []).filter((one) => words.every((word) => one.name.toLowerCase().includes(word)));
  }, [list.data, search]);

  if (list.error !== undefined)
    return <Trouble error={list.error} what="The list of experiments" retry={list.reload} />;
  if (!list.data) return <Skeleton />;
  const running = [...(tallies?.values() ?? [])].reduce((sum, one) => sum + one.running, 0);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Experiments</h1>
        <span className="soft">
          {count(list.data.length)}
          {list.data.length >= MOST && " changed last"}
          {running > 0 && (
            <>
              {" "}
              · {count(running)} {running === 1 ? "run" : "runs"} at work
            </>
          )}
        </span>
        <span className="grow" />
        <input
          id="find-experiment"
          className="input"
          type="search"
          placeholder="find by name  /"
          aria-label="Find an experiment by name"
          value={search}
          onChange={(event) => setQuery({ q: event.target.value })}
        />
      </div>
      {nothing ? (
        <Notice
          title="No run has been logged here yet"
          action={
            <Link to="/start" className="button primary">
              Log the first one
            </Link>
          }
        />
      ) : found.length === 0 ? (
        <Notice
          title={`No experiment is called “${search}”`}
          action={
            <button type="button" className="button" onClick={() => setQuery({ q: undefined })}>
              Show all {count(list.data.length)}
            </button>
          }
        />
      ) : (
        <table className="facts experiments">
          <thead>
            <tr>
              <th>Name</th>
              <th className="number">Runs</th>
              <th>At work</th>
              <th>Last run</th>
              <th className="wide">About</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, SHOWN).map((one) => (
              <Row key={one.id.toString()} experiment={one} tally={tallies?.get(one.id)} />
            ))}
          </tbody>
        </table>
      )}
      {found.length > SHOWN && (
        <p className="soft more">{count(found.length - SHOWN)} more: find them by name</p>
      )}
    </div>
  );
}

function Row({ experiment, tally }: { experiment: Experiment; tally: Tally | undefined }) {
  return (
    <tr>
      <th scope="row">
        <Link to={`/experiments/${experiment.id}`} title={experiment.name}>
          {middle(experiment.name, 56)}
        </Link>
      </th>
      <td className="number">{tally ? count(tally.runs) : <span className="soft">0</span>}</td>
      <td>{tally && tally.running > 0 && <span className="good">▶ {count(tally.running)}</span>}</td>
      <td className="soft">
        <Ago time={tally?.lastStart} />
      </td>
      <td className="soft wide">{middle(experiment.description.split("\n", 1)[0] ?? "", 80)}</td>
    </tr>
  );
}

async function listAll(signal: AbortSignal): Promise<Experiment[]> {
  const all: Experiment[] = [];
  let pageToken = "";
  do {
    const page = await experiments.listExperiments({ pageSize: PAGE, pageToken }, { signal });
    all.push(...page.experiments);
    pageToken = page.nextPageToken;
  } while (pageToken && all.length < MOST);
  return all;
}

/** How many runs each experiment has, and how many of them are at work. */
async function tally(signal: AbortSignal): Promise<Map<bigint, Tally>> {
  const byExperiment = { groupBy: ["attributes.experiment_id"], pageSize: PAGE };
  const [all, working] = await Promise.all([
    runs.aggregateRuns(
      { ...byExperiment, aggregates: [{ field: "attributes.started_at", function: AggregateFunction.MAX }] },
      { signal },
    ),
    runs.aggregateRuns({ ...byExperiment, filter: "attributes.status = 'running'" }, { signal }),
  ]);
  const id = (value: { case?: string | undefined; value?: unknown } | undefined) =>
    BigInt(value?.case === "number" ? (value.value as number) : String(value?.value ?? 0));
  const tallies = new Map<bigint, Tally>();
  for (const group of all.groups) {
    tallies.set(id(group.values[0]?.value), {
      runs: Number(group.runCount),
      running: 0,
      lastStart: group.aggregates[0]?.value,
    });
  }
  for (const group of working.groups) {
    const known = tallies.get(id(group.values[0]?.value));
    if (known) known.running = Number(group.runCount);
  }
  return tallies;
}

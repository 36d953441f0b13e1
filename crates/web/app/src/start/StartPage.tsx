import { useEffect, useMemo, useState } from "react";
import { useAnswer } from "../api/answer";
import { useCaller } from "../api/caller";
import { runs } from "../api/clients";
import { ChartsPanel } from "../charts/ChartsPanel";
import { seriesOfOne } from "../charts/colours";
import { Copy } from "../design/Copy";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { type Run, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { usePlace, workspace } from "../state/url";
import { Status } from "../table/Status";
import { snippets } from "./snippets";
import "./start.css";

const POLL_MS = 1000;

/** How to log a first run to this very server, and that run as soon as it is there. */
export default function StartPage() {
  useTitle("Start");
  const { query } = usePlace();
  const [since] = useState(() => Date.now());
  const [chosen, setChosen] = useState(0);
  const caller = useCaller();
  const newest = useAnswer(
    "newest",
    async (signal) => (await runs.searchRuns({ pageSize: 1 }, { signal })).runs[0] ?? null,
    { every: POLL_MS },
  ).data;
  // A run that was there before is not what somebody waits for who just pasted a snippet.
  const arrived = newest && (millis(newest.createdAt) ?? 0) > since ? newest : undefined;
  const [run, setRun] = useState<Run>();
  useEffect(() => {
    if (arrived) setRun(arrived);
  }, [arrived]);

  const all = snippets({
    origin: window.location.origin,
    workspace: workspace(),
    token: caller !== undefined && caller.principal !== "local",
    experiment: query.get("experiment") ?? "0",
  });
  const snippet = all[chosen] ?? all[0];
  return (
    <div className="page start">
      <div className="page-head">
        <h1>Log a first run</h1>
        <span className="soft">paste one of these; the run appears here at its first point</span>
      </div>
      {run ? <Arrived run={run} /> : <Waiting newest={newest} />}
      <div role="tablist" aria-label="Ways to log" className="tabs">
        {all.map(({ name }, at) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${at}`}
            aria-selected={at === chosen}
            aria-controls="snippet"
            className="button plain"
            onClick={() => setChosen(at)}
          >
            {name}
          </button>
        ))}
      </div>
      {snippet && (
        <div id="snippet" role="tabpanel" aria-labelledby={`tab-${chosen}`}>
          <p className="soft">{snippet.note}</p>
          {snippet.blocks.map((block) => (
            <div key={block} className="snippet">
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
              <pre tabIndex={0}>{block}</pre>
              <Copy text={block} />
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function Waiting({ newest }: { newest: Run | null | undefined }) {
  return (
    <p className="waiting" role="status">
      <span className="pulse" aria-hidden="true" /> Waiting for a run…
      {newest && (
        <span className="soft">
          {" "}
          the newest so far is <Link to={`/runs/${newest.id}`}>{newest.name}</Link>, of{" "}
          <Ago time={millis(newest.createdAt)} />
        </span>
      )}
    </p>
  );
}

function Arrived({ run }: { run: Run }) {
  const keys = run.metrics
    .map((metric) => metric.key)
    .sort()
    .join("\n");
  const metricKeys = useMemo(() => (keys ? keys.split("\n") : []), [keys]);
  const atWork = run.status === RunStatus.RUNNING;
  const shown = useMemo(() => ({ runIds: [run.id], running: atWork ? [run.id] : [] }), [run.id, atWork]);
  return (
    <section aria-label="Your run">
      <div className="page-head arrived" role="status">
        <h2>
          <Link to={`/runs/${run.id}`}>{run.name}</Link>
        </h2>
        <Status status={run.status} words />
        <span className="grow" />
        <Link to={`/runs/${run.id}`} className="button primary">
          Open the run
        </Link>
      </div>
      <ChartsPanel shown={shown} metricKeys={metricKeys} nameOf={() => run.name} seriesOf={seriesOfOne} />
    </section>
  );
}

import { useCallback, useMemo } from "react";
import { useAnswer } from "../api/answer";
import { experiments, runs } from "../api/clients";
import { ChartsPanel } from "../charts/ChartsPanel";
import { seriesOfOne } from "../charts/colours";
import { Comments } from "../comments/Comments";
import { Pairs } from "../design/Pairs";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Skeleton, Trouble } from "../frame/States";
import { Lifecycle } from "../generated/herdbook/common/v1/lifecycle_pb";
import { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { type Run, RunStatus } from "../generated/herdbook/tracking/v1/run_pb";
import { ValuePanels } from "../values/ValuePanels";
import { Artifacts } from "./Artifacts";
import { Facts, Inputs, Metrics } from "./Facts";
import { Notes } from "./Notes";
import { Reproduce } from "./Reproduce";
import { RunHeader } from "./RunHeader";
import "./run.css";
import { Versions } from "./Versions";

const AT_WORK_MS = 2000;
const AT_REST_MS = 15_000;

/** One run: how it does, what came out, and what went in. */
export default function RunPage({ id }: { id: string }) {
  const first = useAnswer(`run ${id}`, (signal) => read(id, signal), { every: AT_REST_MS });
  const working = first.data?.status === RunStatus.RUNNING;
  // A run at work is asked for more often.
  const live = useAnswer(working ? `live run ${id}` : undefined, (signal) => read(id, signal), {
    every: AT_WORK_MS,
  });
  const run = newest(first.data, live.data);
  const experimentId = run?.experimentId;
  const experiment = useAnswer(
    experimentId === undefined ? undefined : `experiment ${experimentId}`,
    (signal) =>
      experiments.getExperiment({ experiment: { case: "id", value: experimentId ?? 0n } }, { signal }),
  ).data?.experiment;
  useTitle(run?.name);

  const keys = run?.metrics
    .map((metric) => metric.key)
    .sort()
    .join("\n");
  const metricKeys = useMemo(() => (keys ? keys.split("\n") : []), [keys]);
  const atWork = run?.status === RunStatus.RUNNING;
  const shown = useMemo(() => ({ runIds: [id], running: atWork ? [id] : [] }), [id, atWork]);
  const name = run?.name ?? id;
  const nameOf = useCallback(() => name, [name]);

  if (first.error !== undefined && !run)
    return <Trouble error={first.error} what="This run" retry={first.reload} />;
  if (!run) return <Skeleton />;
  const reload = () => {
    first.reload();
    live.reload();
  };
  return (
    <article className="run">
      <Crumb>
        <Link to={`/experiments/${run.experimentId}`}>
          {experiment?.name ?? `experiment ${run.experimentId}`}
        </Link>
        <span className="crumb-run">{run.name}</span>
      </Crumb>
      {run.lifecycle === Lifecycle.DELETED && <Deleted run={run} onChanged={reload} />}
      <RunHeader run={run} onChanged={reload} />
      <ChartsPanel
        shown={shown}
        metricKeys={metricKeys}
        nameOf={nameOf}
        seriesOf={seriesOfOne}
        empty="This run has logged no metric. The first point draws the first chart."
      />
      <ValuePanels
        runIds={shown.runIds}
        nameOf={nameOf}
        seriesOf={seriesOfOne}
        every={atWork ? AT_REST_MS : undefined}
      />
      <div className="run-body">
        <Metrics run={run} />
        <Pairs title="Params" entries={run.params} none="no params were logged" />
        <Facts run={run} />
        <Reproduce run={run} />
        <Artifacts runId={run.id} every={atWork ? AT_REST_MS : undefined} />
        <Inputs run={run} />
        <Versions runId={run.id} />
        <Pairs title="Tags" entries={run.tags} none="no tags" />
        <Notes run={run} onChanged={reload} />
        <Comments kind={SubjectKind.RUN} name={run.id} />
      </div>
    </article>
  );
}

async function read(id: string, signal: AbortSignal): Promise<Run> {
  const { run } = await runs.getRun({ runId: id }, { signal });
  if (!run) throw new Error("the server answered without a run");
  return run;
}

/** The later of two answers. */
function newest(one: Run | undefined, other: Run | undefined): Run | undefined {
  if (!one || !other) return one ?? other;
  const at = (run: Run) =>
    (run.updatedAt?.seconds ?? 0n) * 1_000_000_000n + BigInt(run.updatedAt?.nanos ?? 0);
  return at(one) > at(other) ? one : other;
}

function Deleted({ run, onChanged }: { run: Run; onChanged: () => void }) {
  return (
    <p className="deleted warn">
      This run is deleted.
      <button
        type="button"
        className="button"
        onClick={async () => {
          await runs.restoreRun({ runId: run.id });
          onChanged();
        }}
      >
        Restore
      </button>
    </p>
  );
}

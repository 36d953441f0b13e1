import { quoted } from "../compare/facts";
import { Copy } from "../design/Copy";
import { Part } from "../design/Part";
import { useSearch } from "../design/search";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { Link } from "../frame/Link";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** What each metric came to. */
export function Metrics({ run }: { run: Run }) {
  const byKey = new Map(run.metrics.map((metric) => [metric.key, metric]));
  const { found, left, box } = useSearch([...byKey.keys()].sort());
  return (
    <Part title="Metrics" aside={box}>
      {byKey.size === 0 && <p className="soft">no metrics yet</p>}
      {byKey.size > 0 && (
        <table className="facts">
          <thead>
            <tr>
              <th>Metric</th>
              <th className="number">Latest</th>
              <th className="number">Min</th>
              <th className="number">Max</th>
              <th className="number">Points</th>
            </tr>
          </thead>
          <tbody>
            {found.map((key) => {
              const metric = byKey.get(key);
              if (!metric) return null;
              return (
                <tr key={key}>
                  <th scope="row" title={key}>
                    {middle(key, 32)}
                  </th>
                  <td className="number" title={`${metric.latest} at step ${metric.latestStep}`}>
                    {short(metric.latest)}
                  </td>
                  <td className="number" title={`${metric.min}`}>
                    {metric.min === undefined ? "–" : short(metric.min)}
                  </td>
                  <td className="number" title={`${metric.max}`}>
                    {metric.max === undefined ? "–" : short(metric.max)}
                  </td>
                  <td className="number">{count(metric.count)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {left > 0 && <p className="soft">{count(left)} more: find them by name</p>}
    </Part>
  );
}

/** The code a run ran, and what it ran in. */
export function Facts({ run }: { run: Run }) {
  const { source, environment } = run;
  const command = source?.command.map(quoted).join(" ");
  const rows: [string, string | undefined][] = [
    ["repository", source?.repository],
    ["branch", source?.branch],
    ["commit", source?.commit],
    ["changes", source?.diffDigest || (source?.dirty ? "yes" : undefined)],
    ["entry point", source?.entryPoint],
    ["command", command],
    ["Python", environment?.pythonVersion],
    ["platform", environment?.platform],
    ["id", run.id],
  ];
  return (
    <Part title="Source and environment">
      <table className="facts pairs">
        <tbody>
          {rows.map(
            ([name, value]) =>
              value && (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <span className="value mono">{value}</span>
                    <Copy text={value} />
                  </td>
                </tr>
              ),
          )}
          {run.parentRunId && (
            <tr>
              <th scope="row">part of</th>
              <td>
                <Link to={`/runs/${run.parentRunId}`}>{run.parentRunId}</Link>
              </td>
            </tr>
          )}
          {run.forkedFrom && (
            <tr>
              <th scope="row">forked from</th>
              <td>
                <Link to={`/runs/${run.forkedFrom.runId}`}>{run.forkedFrom.runId.slice(0, 12)}…</Link> at step{" "}
                {run.forkedFrom.step.toString()}
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {environment && environment.requirements.length > 0 && (
        <div className="requirements">
          <details>
            <summary>{count(environment.requirements.length)} packages</summary>
            <pre>{environment.requirements.join("\n")}</pre>
          </details>
          <Copy text={environment.requirements.join("\n")} label="copy all" />
        </div>
      )}
    </Part>
  );
}

export function Inputs({ run }: { run: Run }) {
  if (run.inputs.length === 0 && run.basedOn.length === 0) return null;
  return (
    <Part title="Inputs">
      <table className="facts">
        <tbody>
          {run.inputs.map(({ dataset, context }) => (
            <tr key={`${dataset?.name} ${dataset?.digest} ${context}`}>
              <th scope="row">{dataset?.name}</th>
              <td className="soft">{context}</td>
              <td className="mono" title={dataset?.digest}>
                {middle(dataset?.digest ?? "", 24)}
              </td>
              <td className="soft" title={dataset?.uri}>
                {middle(dataset?.uri ?? "", 32)}
              </td>
            </tr>
          ))}
          {run.basedOn.map((version) => (
            <tr key={version}>
              <th scope="row">{version}</th>
              <td className="soft">model it starts from</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

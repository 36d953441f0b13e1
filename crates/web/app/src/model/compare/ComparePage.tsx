import { useState } from "react";
import { useAnswer } from "../../api/answer";
import { comparisons, models } from "../../api/registry";
import { Part } from "../../design/Part";
import { middle } from "../../format/names";
import { bytes, count, short } from "../../format/numbers";
import { Crumb, useTitle } from "../../frame/Crumb";
import { Link } from "../../frame/Link";
import { Notice, Skeleton, Trouble } from "../../frame/States";
import type {
  CompareVersionsResponse,
  Difference,
  FileDifference,
  MetricDifference,
} from "../../generated/herdbook/registry/v1/compare_pb";
import type { Direction } from "../../generated/herdbook/registry/v1/rule_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { setQuery, usePlace } from "../../state/url";
import { modelPath, versionName } from "../names";
import { ruledMetrics, verdictOf } from "../policy";
import { useChanges } from "../watch";
import "../model.css";
import "./compare.css";

const FILES = 300;
const NOTHING: ReadonlyMap<string, Direction> = new Map();

/** What is different between two versions. */
export default function ComparePage({ model }: { model: string }) {
  const { query } = usePlace();
  const [from, to] = [query.get("from") ?? "", query.get("to") ?? ""];
  const both = from !== "" && to !== "";
  const answer = useAnswer(both ? `compare ${model} ${from} ${to}` : undefined, (signal) =>
    comparisons.compareVersions({ from: referenceOf(model, from), to: referenceOf(model, to) }, { signal }),
  );
  const policy = useAnswer(both ? `policy ${model}` : undefined, async (signal) => {
    return (await models.getPolicy({ model }, { signal })).policy;
  }).data;
  useChanges(model, answer.reload);
  useTitle(`${model}: ${from} and ${to}`);
  const crumb = (
    <Crumb>
      <Link to={modelPath(model)}>{model}</Link>
      <span className="soft">compare</span>
    </Crumb>
  );
  if (!both)
    return (
      <>
        {crumb}
        <Notice
          title="Two versions are compared"
          action={<Link to={modelPath(model)}>Choose them on the board</Link>}
        >
          The address names them, such as ?from=5&to=7, or ?from=@Production&to=7.
        </Notice>
      </>
    );
  if (answer.error !== undefined)
    return (
      <Trouble
        error={answer.error}
        what="One of these versions"
        retry={answer.reload}
        home={<Link to={modelPath(model)}>All versions of {model}</Link>}
      />
    );
  if (!answer.data?.from || !answer.data.to) return <Skeleton />;
  const { from: one, to: other } = answer.data;
  return (
    <article className={answer.stale ? "page model stale" : "page model"}>
      {crumb}
      <div className="page-head">
        <h1>
          <Name version={one} of={model} /> and <Name version={other} of={model} />
        </h1>
        <span className="soft">{summary(answer.data)}</span>
        <span className="grow" />
        <button
          type="button"
          className="button"
          onClick={() => setQuery({ from: to, to: from })}
          title="the other way round"
        >
          Swap
        </button>
      </div>
      <Shown answer={answer.data} from={one} to={other} ruled={policy ? ruledMetrics(policy) : NOTHING} />
    </article>
  );
}

function Name({ version, of }: { version: Version; of: string }) {
  return (
    <Link to={modelPath(version.model, version.number)}>
      {version.model !== of && `${version.model} `}
      {versionName(version)}
    </Link>
  );
}

interface ShownProps {
  answer: CompareVersionsResponse;
  from: Version;
  to: Version;
  /** Which way metrics are better, where no run has defined it. */
  ruled: ReadonlyMap<string, Direction>;
}

function Shown({ answer, from, to, ruled }: ShownProps) {
  const heads = [versionName(from), versionName(to)] as const;
  const { files, lineage } = answer;
  return (
    <>
      <div className="model-body">
        <Metrics metrics={answer.metrics} heads={heads} ruled={ruled} />
        <Differences title="Params" differences={answer.params} heads={heads} none="the same params" />
        <Differences title="Facts" differences={answer.fields} heads={heads} none="the same facts" />
        <Differences title="Tags" differences={answer.tags} heads={heads} none="the same tags" />
        <Differences
          title="Inputs and outputs"
          differences={answer.schema}
          heads={heads}
          none="the same inputs and outputs"
        />
        {lineage && (
          <Part title="Descent">
            {lineage.incomplete ? (
              <p className="warn">Lineage does not know one of them yet; it will in a moment.</p>
            ) : (
              <>
                <p className="soft">
                  {count(lineage.common)} ancestors are the same
                  {lineage.truncated && "; not all of the others are listed"}
                </p>
                <Nodes title={`only ${heads[0]} descends from`} nodes={lineage.onlyFrom} />
                <Nodes title={`only ${heads[1]} descends from`} nodes={lineage.onlyTo} />
              </>
            )}
          </Part>
        )}
      </div>
      {answer.text && (
        <Part title="Description and card">
          <Diff text={answer.text} />
        </Part>
      )}
      {files && (
        <Part
          title="Files"
          aside={
            <span className="soft">
              {count(files.changed)} changed, {count(files.added)} added, {count(files.removed)} removed,{" "}
              {count(files.same)} the same ({bytes(files.sameBytes)})
            </span>
          }
        >
          {files.differ.length === 0 ? (
            <p className="soft">the same files, by their digests</p>
          ) : (
            <table className="facts">
              <thead>
                <tr>
                  <th>Path</th>
                  <th>{heads[0]}</th>
                  <th>{heads[1]}</th>
                </tr>
              </thead>
              <tbody>
                {files.differ.slice(0, FILES).map((file) => (
                  <FileRow key={file.path} file={file} />
                ))}
              </tbody>
            </table>
          )}
          {files.differ.length > FILES && (
            <p className="soft">{count(files.differ.length - FILES)} more differ</p>
          )}
        </Part>
      )}
    </>
  );
}

function Metrics({
  metrics,
  heads,
  ruled,
}: {
  metrics: readonly MetricDifference[];
  heads: readonly [string, string];
  ruled: ReadonlyMap<string, Direction>;
}) {
  const [all, setAll] = useState(false);
  const differ = metrics.filter((metric) => metric.from !== metric.to);
  const shown = all ? metrics : differ;
  return (
    <Part
      title="Metrics"
      aside={
        differ.length < metrics.length && (
          <label className="field">
            <input type="checkbox" checked={all} onChange={() => setAll(!all)} /> those that are the same too
          </label>
        )
      }
    >
      {shown.length === 0 ? (
        <p className="soft">{metrics.length ? "the same metrics" : "neither has metrics"}</p>
      ) : (
        <table className="facts">
          <thead>
            <tr>
              <th>Metric</th>
              <th className="number">{heads[0]}</th>
              <th className="number">{heads[1]}</th>
              <th className="number">Difference</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, FILES).map(({ key, from, to, difference, better }) => (
              <tr key={key}>
                <th scope="row" title={key}>
                  {middle(key, 32)}
                </th>
                <td className="number" title={`${from ?? ""}`}>
                  {from === undefined ? "–" : short(from)}
                </td>
                <td className="number" title={`${to ?? ""}`}>
                  {to === undefined ? "–" : short(to)}
                </td>
                <td
                  className={`number ${(difference !== undefined && verdictOf(difference, better || ruled.get(key))) || ""}`}
                >
                  {difference === undefined ? "–" : `${difference > 0 ? "+" : ""}${short(difference)}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}

function Differences({
  title,
  differences,
  heads,
  none,
}: {
  title: string;
  differences: readonly Difference[];
  heads: readonly [string, string];
  none: string;
}) {
  return (
    <Part title={title}>
      {differences.length === 0 ? (
        <p className="soft">{none}</p>
      ) : (
        <table className="facts">
          <thead>
            <tr>
              <th>
                <span className="hidden-text">Name</span>
              </th>
              <th>{heads[0]}</th>
              <th>{heads[1]}</th>
            </tr>
          </thead>
          <tbody>
            {differences.slice(0, FILES).map(({ name, from, to }) => (
              <tr key={name}>
                <th scope="row" title={name}>
                  {middle(name, 32)}
                </th>
                <td title={from}>
                  {from === undefined ? <span className="soft">–</span> : middle(from, 40)}
                </td>
                <td title={to}>{to === undefined ? <span className="soft">–</span> : middle(to, 40)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}

function FileRow({ file }: { file: FileDifference }) {
  const side = (digest: string, size: bigint) =>
    digest ? (
      <td title={digest}>
        <code>{digest.slice(7, 19)}</code> <span className="soft">{bytes(size)}</span>
      </td>
    ) : (
      <td className="soft">not there</td>
    );
  return (
    <tr>
      <th scope="row" title={file.path}>
        {middle(file.path, 56)}
      </th>
      {side(file.fromDigest, file.fromSize)}
      {side(file.toDigest, file.toSize)}
    </tr>
  );
}

function Nodes({ title, nodes }: { title: string; nodes: readonly string[] }) {
  if (nodes.length === 0) return null;
  return (
    <details open={nodes.length <= 10}>
      <summary>
        {title} <span className="soft">{count(nodes.length)}</span>
      </summary>
      <ul className="nodes">
        {nodes.map((node) => (
          <li key={node}>
            <Link to="/lineage" query={{ node }} title={node}>
              {middle(node, 64)}
            </Link>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** A unified diff, its lines told apart by their marks and by colour. */
function Diff({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <pre className="diff" tabIndex={0}>
      {text.split("\n").map((line, at) => (
        <span key={at} className={lineClass(line)}>
          {line}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

function lineClass(line: string): string {
  if (/^(\+\+\+|---|@@) /.test(line)) return "soft";
  return line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : "soft";
}

/** `7` is a number; `@Production` what stands there; anything else a reference of its own. */
function referenceOf(model: string, text: string): string {
  if (/^\d+$/.test(text)) return `${model}/${text}`;
  return text.startsWith("@") ? `${model}${text}` : text;
}

function summary(answer: CompareVersionsResponse): string {
  const metrics = answer.metrics.filter((metric) => metric.from !== metric.to).length;
  const several = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const parts = [
    several(metrics, "metric"),
    several(answer.params.length, "param"),
    several(answer.files?.differ.length ?? 0, "file"),
  ];
  return `${parts.join(", ")} differ`;
}

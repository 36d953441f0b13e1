import type { DragEventHandler } from "react";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { short } from "../format/numbers";
import { absolute, millis } from "../format/times";
import { Link } from "../frame/Link";
import type { Check } from "../generated/herdbook/registry/v1/check_pb";
import type { Direction } from "../generated/herdbook/registry/v1/rule_pb";
import type { Version } from "../generated/herdbook/registry/v1/version_pb";
import { setQuery } from "../state/url";
import { modelPath } from "./names";
import { isPromotion, nextStage, verdictOf } from "./policy";
import type { Standing } from "./standing";

interface Props {
  version: Version;
  standing: Standing;
  metrics: readonly string[];
  better: ReadonlyMap<string, Direction>;
  /** What serves now, with which metrics are compared. */
  reference: Version | undefined;
  selected: boolean;
  locked: string | undefined;
  onSelect: (version: bigint) => void;
  onDragStart: DragEventHandler;
  onDragEnd: DragEventHandler;
}

/** A version on the board. */
export function Card(props: Props) {
  const { version, standing, metrics, better, reference, selected, locked, onSelect } = props;
  const { number, label, model, stage, createdBy, aliases } = version;
  const next = nextStage(standing.policy, stage);
  const up = next !== undefined && isPromotion(standing.policy, stage, next);
  const checks = standing.checks.get(number) ?? [];
  const open = standing.requests.filter((request) => request.version === number);
  const since = millis(version.stageSince);
  return (
    <li
      className={selected ? "card selected" : "card"}
      data-version={number.toString()}
      draggable={locked === undefined && next !== undefined}
      onDragStart={props.onDragStart}
      onDragEnd={props.onDragEnd}
    >
      <div className="card-head">
        <input
          type="checkbox"
          aria-label={`Compare version ${number}`}
          title="compare  x"
          checked={selected}
          onChange={() => onSelect(number)}
        />
        <Link to={modelPath(model, number)} className="card-name">
          v{number.toString()}
        </Link>
        {label && <span>{label}</span>}
        <span className="grow" />
        {next !== undefined && (
          <button
            type="button"
            className={up ? "button small" : "button plain small"}
            disabled={locked !== undefined}
            title={locked ?? `to ${next}; see first what the rules say  m`}
            aria-label={`${up ? "Promote" : "Move"} version ${number}`}
            onClick={() => setQuery({ move: number.toString(), to: next }, { push: true })}
          >
            {up ? "Promote" : "Move"}
          </button>
        )}
      </div>
      <p
        className="soft card-facts"
        title={since === undefined ? "" : `in ${stage} since ${absolute(since)}`}
      >
        by {createdBy}, <Ago time={millis(version.createdAt)} />
        {aliases.map((alias) => (
          <span key={alias} className="chip">
            @{alias}
          </span>
        ))}
      </p>
      {metrics.length > 0 && (
        <table className="card-metrics">
          <tbody>
            {metrics.map((key) => (
              <Metric
                key={key}
                name={key}
                value={version.metrics[key]}
                before={reference && reference.number !== number ? reference.metrics[key] : undefined}
                better={better.get(key)}
              />
            ))}
          </tbody>
        </table>
      )}
      {checks.length > 0 && <Checks checks={checks} />}
      {open.map((request) => (
        <p key={request.id.toString()} className="card-request">
          <Link to={modelPath(model)} query={{ move: number.toString(), to: request.to }} className="warn">
            ◔ asked for {request.to}
          </Link>
          <span className="soft">
            {" "}
            {request.approvals.length === 0
              ? "no approval yet"
              : `approved by ${request.approvals.map((one) => one.principal).join(", ")}`}
          </span>
        </p>
      ))}
    </li>
  );
}

function Metric({
  name,
  value,
  before,
  better,
}: {
  name: string;
  value: number | undefined;
  before: number | undefined;
  better: Direction | undefined;
}) {
  const difference = value === undefined || before === undefined ? undefined : value - before;
  return (
    <tr>
      <th scope="row" title={name}>
        {middle(name, 18)}
      </th>
      <td className="number" title={value === undefined ? "not logged" : `${value}`}>
        {value === undefined ? "–" : short(value)}
      </td>
      <td className="number difference">
        {difference !== undefined && !Number.isNaN(difference) && (
          <span className={verdictOf(difference, better) ?? "soft"} title={`what serves has ${before}`}>
            {difference > 0 ? "+" : ""}
            {difference === 0 ? "±0" : short(difference)}
          </span>
        )}
      </td>
    </tr>
  );
}

/** Reports of pipelines, by a mark and their names. */
export function Checks({ checks }: { checks: readonly Check[] }) {
  return (
    <p className="checks">
      {checks.map((check) => (
        <span key={check.name} title={`${check.details}\nreported by ${check.reportedBy}`}>
          <span
            className={check.passed ? "good" : "bad"}
            role="img"
            aria-label={check.passed ? "passed" : "failed"}
          >
            {check.passed ? "✓" : "✗"}
          </span>{" "}
          {middle(check.name, 20)}
        </span>
      ))}
    </p>
  );
}

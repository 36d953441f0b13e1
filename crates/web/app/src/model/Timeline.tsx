import { useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { transitions } from "../api/registry";
import { Part } from "../design/Part";
import { useNow } from "../design/Time";
import { absolute, duration, millis } from "../format/times";
import { Link } from "../frame/Link";
import type { Stay } from "../generated/herdbook/registry/v1/transition_pb";
import { setQuery } from "../state/url";
import { modelPath, versionName } from "./names";
import { limitOf, servingStage } from "./policy";
import type { Standing } from "./standing";
import { type Period, periodsOf } from "./stays";
import "./timeline.css";

const STAYS = 200;
/** Shorter than so much of the whole, a bar has no room for a name. */
const NAMED = 0.05;

/** What stood in which stage when, and when nothing did. */
export function Timeline({ standing, locked }: { standing: Standing; locked: string | undefined }) {
  const { model, policy } = standing;
  const now = useNow();
  const serving = servingStage(policy);
  const limited = policy.stages.filter((stage) => limitOf(stage) !== undefined || stage.name === serving);
  const [all, setAll] = useState(limited.length === 0);
  const stages = (all ? policy.stages : limited).map((stage) => stage.name).reverse();
  const answer = useAnswer(`stays ${model.name} ${stages.join()} ${model.revision}`, (signal) =>
    Promise.all(
      stages.map(async (stage) => {
        const page = await transitions.listStays({ model: model.name, stage, pageSize: STAYS }, { signal });
        return { stage, stays: page.stays, more: page.nextPageToken !== "" };
      }),
    ),
  );
  const rows = (answer.data ?? []).map((row) => ({ ...row, periods: periodsOf(row.stays, now) }));
  const start = Math.min(now - 1000, ...rows.flatMap((row) => row.periods[0]?.from ?? []));
  const held = rows.filter((row) => row.periods.length > 0);
  return (
    <Part
      title="What stood where"
      aside={
        limited.length > 0 && (
          <label className="field">
            <input type="checkbox" checked={all} onChange={() => setAll(!all)} /> all stages
          </label>
        )
      }
    >
      {answer.error !== undefined && <p className="bad">{messageOf(answer.error)}</p>}
      {answer.data && held.length === 0 && (
        <p className="soft">Nothing has stood in {stages.join(" or ")} yet.</p>
      )}
      {held.length > 0 && (
        <>
          <div className="timeline" aria-hidden="true">
            {rows.map((row) => (
              <div key={row.stage} className="timeline-row">
                <span className="timeline-stage">{row.stage}</span>
                <span className="timeline-track">
                  {row.periods.map((period) => (
                    <Bar
                      key={`${period.from} ${period.stay?.version}`}
                      period={period}
                      start={start}
                      now={now}
                    />
                  ))}
                </span>
              </div>
            ))}
            <div className="timeline-row soft">
              <span />
              <span className="timeline-scale">
                <span>{absolute(start)}</span>
                <span>now</span>
              </span>
            </div>
          </div>
          {held.map((row) => (
            <details key={row.stage}>
              <summary>
                {row.stage}, as a list{row.more && `: the last ${STAYS}`}
              </summary>
              <Stays name={model.name} stage={row.stage} periods={row.periods} locked={locked} />
            </details>
          ))}
        </>
      )}
    </Part>
  );
}

function Bar({ period, start, now }: { period: Period; start: number; now: number }) {
  const { from, to, stay } = period;
  const whole = Math.max(1, now - start);
  const share = (to - from) / whole;
  const title = stay ? `${nameOf(stay)}: ${duration(to - from)}` : `nothing: ${duration(to - from)}`;
  const kind = stay === undefined ? "gap" : stay.leftAt ? "past" : "present";
  return (
    <span
      className={`bar ${kind}`}
      title={`${title}\n${absolute(from)} – ${stay && !stay.leftAt ? "now" : absolute(to)}`}
      style={{ left: `${((from - start) / whole) * 100}%`, width: `${share * 100}%` }}
    >
      {stay && share > NAMED && nameOf(stay)}
    </span>
  );
}

function Stays({
  name,
  stage,
  periods,
  locked,
}: {
  name: string;
  stage: string;
  periods: readonly Period[];
  locked: string | undefined;
}) {
  const standing = new Set(
    periods.filter(({ stay }) => stay && !stay.leftAt).map(({ stay }) => stay?.version),
  );
  return (
    <table className="facts">
      <thead>
        <tr>
          <th>Version</th>
          <th>From</th>
          <th>Until</th>
          <th className="number">For</th>
          <th>
            <span className="hidden-text">What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {[...periods].reverse().map(({ from, to, stay }) => (
          <tr key={`${from} ${stay?.version}`} className={stay ? undefined : "soft"}>
            <th scope="row">
              {stay ? <Link to={modelPath(name, stay.version)}>{nameOf(stay)}</Link> : "nothing"}
            </th>
            <td>{stay && !stay.enteredAt ? "not recorded" : absolute(from)}</td>
            <td>{millis(stay?.leftAt) === undefined && stay ? "now" : absolute(to)}</td>
            <td className="number">{duration(to - from)}</td>
            <td>
              {stay?.leftRevision !== undefined && (
                <Link to={modelPath(name, "audit")} query={{ at: stay.leftRevision.toString() }}>
                  why it left
                </Link>
              )}{" "}
              {stay && !standing.has(stay.version) && (
                <button
                  type="button"
                  className="button plain small"
                  disabled={locked !== undefined}
                  title={locked}
                  onClick={() =>
                    setQuery({ rollback: stage, version: stay.version.toString() }, { push: true })
                  }
                >
                  Go back to it
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function nameOf(stay: Stay): string {
  return versionName({ number: stay.version, label: stay.label });
}

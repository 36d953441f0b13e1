import { useAnswer } from "../api/answer";
import { versions } from "../api/registry";
import { Ago } from "../design/Time";
import { short } from "../format/numbers";
import { millis } from "../format/times";
import { Link } from "../frame/Link";
import { Skeleton } from "../frame/States";
import { PanelFrame } from "./PanelFrame";
import type { VersionSpec } from "./panel";

const REFRESH_MS = 15_000;
/** Metrics that a card shows. */
const METRICS = 8;

/** The card of a version, or of the one that stands in a stage now. */
export function VersionPanel({ spec }: { spec: VersionSpec }) {
  const found = useAnswer(
    `version ${spec.reference}`,
    (signal) => versions.getVersion({ reference: spec.reference }, { signal }),
    { every: REFRESH_MS },
  );
  const version = found.data?.version;
  const metrics = Object.entries(version?.metrics ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, METRICS);
  return (
    <PanelFrame
      title={spec.reference}
      to={version && `/models/${encodeURIComponent(version.model)}/${version.number}`}
      error={version ? undefined : found.error}
    >
      {!version ? (
        <Skeleton rows={2} />
      ) : (
        <div className="version-card">
          <h3>
            {version.model} v{version.number.toString()} {version.label && <span>({version.label})</span>}
          </h3>
          <p className="soft">
            {version.stage}
            {version.stageSince && (
              <>
                {" since "}
                <Ago time={millis(version.stageSince)} />
              </>
            )}
            {" · "}registered by {version.createdBy} <Ago time={millis(version.createdAt)} />
            {version.runId && (
              <>
                {" · "}
                <Link to={`/runs/${version.runId}`}>its run</Link>
              </>
            )}
          </p>
          {metrics.length > 0 && (
            <dl>
              {metrics.map(([key, value]) => (
                <div key={key}>
                  <dt>{key}</dt>
                  <dd title={`${value}`}>{short(value)}</dd>
                </div>
              ))}
            </dl>
          )}
        </div>
      )}
    </PanelFrame>
  );
}

import { Part } from "../../design/Part";
import { useSearch } from "../../design/search";
import { middle } from "../../format/names";
import { count, short } from "../../format/numbers";
import { Link } from "../../frame/Link";
import type { Policy } from "../../generated/herdbook/registry/v1/model_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { modelPath, versionName } from "../names";
import { ruledMetrics, verdictOf } from "../policy";

interface Props {
  version: Version;
  /** What serves now, if it is another. */
  reference: Version | undefined;
  policy: Policy;
}

/** What a version was measured to be when it was registered, beside what serves; what rules speak of comes first. */
export function MetricsAgainst({ version, reference, policy }: Props) {
  const ruled = ruledMetrics(policy);
  const all = [...new Set([...Object.keys(version.metrics), ...Object.keys(reference?.metrics ?? {})])];
  all.sort((a, b) => Number(ruled.has(b)) - Number(ruled.has(a)) || (a < b ? -1 : 1));
  const { found, left, box } = useSearch(all);
  return (
    <Part
      title="Metrics"
      aside={
        box ||
        (reference && (
          <Link
            to={modelPath(version.model, "compare")}
            query={{ from: reference.number.toString(), to: version.number.toString() }}
            className="button plain"
          >
            Compare with v{reference.number.toString()}
          </Link>
        ))
      }
    >
      {all.length === 0 && <p className="soft">no metrics came with its run</p>}
      {all.length > 0 && (
        <table className="facts">
          <thead>
            <tr>
              <th>Metric</th>
              <th className="number">This</th>
              {reference && (
                <>
                  <th className="number">
                    {reference.stage}, {versionName(reference)}
                  </th>
                  <th className="number">Difference</th>
                </>
              )}
            </tr>
          </thead>
          <tbody>
            {found.map((key) => {
              const [mine, other] = [version.metrics[key], reference?.metrics[key]];
              const difference = mine !== undefined && other !== undefined ? mine - other : undefined;
              return (
                <tr key={key}>
                  <th scope="row" title={key}>
                    {middle(key, 32)}
                  </th>
                  <Value value={mine} />
                  {reference && (
                    <>
                      <Value value={other} />
                      <td
                        className={`number ${(difference !== undefined && verdictOf(difference, ruled.get(key))) ?? ""}`}
                      >
                        {difference === undefined ? "–" : `${difference > 0 ? "+" : ""}${short(difference)}`}
                      </td>
                    </>
                  )}
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

function Value({ value }: { value: number | undefined }) {
  return (
    <td className="number" title={value === undefined ? "not logged" : `${value}`}>
      {value === undefined ? "–" : short(value)}
    </td>
  );
}

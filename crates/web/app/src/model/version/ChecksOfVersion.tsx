import { Part } from "../../design/Part";
import { Ago } from "../../design/Time";
import { millis } from "../../format/times";
import type { Check } from "../../generated/herdbook/registry/v1/check_pb";

/** What pipelines found about exactly these files. */
export function ChecksOfVersion({ checks }: { checks: readonly Check[] }) {
  return (
    <Part title="Checks">
      {checks.length === 0 && (
        <p className="soft">
          no pipeline has reported on these files: <code>herdbook models check</code>
        </p>
      )}
      {checks.length > 0 && (
        <table className="facts">
          <tbody>
            {checks.map((check) => (
              <tr key={check.name}>
                <th scope="row">
                  <span
                    className={check.passed ? "good" : "bad"}
                    role="img"
                    aria-label={check.passed ? "passed" : "failed"}
                  >
                    {check.passed ? "✓" : "✗"}
                  </span>{" "}
                  {check.name}
                </th>
                <td>
                  {check.url ? (
                    <a href={check.url} target="_blank" rel="noopener noreferrer nofollow">
                      {check.details || check.url}
                    </a>
                  ) : (
                    check.details
                  )}
                </td>
                <td className="soft">
                  {check.reportedBy} <Ago time={millis(check.reportedAt)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}

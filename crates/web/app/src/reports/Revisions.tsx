import { useAnswer } from "../api/answer";
import { reports } from "../api/team";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Link } from "../frame/Link";
import type { Report } from "../generated/herdbook/team/v1/report_pb";

/** Those that are listed; the older ones have addresses too. */
const SHOWN = 50;

/** Who saved a report when, and what it was then. */
export function Revisions({ report, shown }: { report: Report; shown: bigint }) {
  const list = useAnswer(`revisions ${report.id} ${report.revision}`, (signal) =>
    reports.listReportRevisions({ id: report.id, pageSize: SHOWN }, { signal }),
  );
  return (
    <Part title="Revisions">
      <table className="facts">
        <tbody>
          {list.data?.revisions.map(({ revision, savedBy, savedAt, comment }) => (
            <tr key={revision.toString()} aria-current={revision === shown ? "true" : undefined}>
              <th scope="row">
                <Link to={`/reports/${report.id}`} query={{ revision: revision.toString() }}>
                  {revision.toString()}
                </Link>
              </th>
              <td>{savedBy}</td>
              <td className="soft">
                <Ago time={millis(savedAt)} />
              </td>
              <td>{comment}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

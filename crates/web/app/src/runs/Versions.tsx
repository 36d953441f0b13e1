import { useAnswer } from "../api/answer";
import { versions } from "../api/registry";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { middle } from "../format/names";
import { millis } from "../format/times";

const SHOWN = 50;
const EVERY_MS = 15_000;

/** The versions that were registered from a run. */
export function Versions({ runId }: { runId: string }) {
  const { data } = useAnswer(
    `versions ${runId}`,
    (signal) => versions.searchVersions({ filter: `run_id = '${runId}'`, pageSize: SHOWN }, { signal }),
    { every: EVERY_MS },
  );
  if (!data?.versions.length) return null;
  return (
    <Part title="Registered versions">
      <table className="facts">
        <tbody>
          {data.versions.map((version) => (
            <tr key={`${version.model} ${version.number}`}>
              <th scope="row">
                {middle(version.model, 40)} {version.number.toString()}
              </th>
              <td>{version.label}</td>
              <td>{version.stage}</td>
              <td className="soft">
                <Ago time={millis(version.createdAt)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

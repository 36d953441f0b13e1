import { useAnswer } from "../api/answer";
import { lineage } from "../api/lineage";
import { count } from "../format/numbers";
import { CompletenessPurpose } from "../generated/herdbook/lineage/v1/completeness_pb";
import { KeyLink } from "./NodeLink";
import { written } from "./nodes";
import { useMoment } from "./reference";

const SHOWN = 5;

/** What is missing to account for something, and to make it again, by named rules. */
export function Completeness({ node }: { node: string }) {
  const { at, request } = useMoment();
  const found = useAnswer(node ? `completeness ${node} ${at}` : undefined, (signal) =>
    lineage.checkCompleteness({ node, ...request }, { signal }),
  ).data;
  if (!found) return null;
  const failed = found.findings.filter(({ passed }) => !passed).length;
  return (
    <section aria-label="Completeness">
      <h2>How complete the record is</h2>
      <p>
        {found.auditScore} of 100 to account for it, {found.reproductionScore} of 100 to make it again
        {failed > 0 && `; ${count(failed)} of ${count(found.findings.length)} rules do not hold`}.
      </p>
      <table className="facts">
        <thead>
          <tr>
            <th>Rule</th>
            <th>For</th>
            <th>Asks for</th>
            <th>Missing at</th>
          </tr>
        </thead>
        <tbody>
          {found.findings.map(({ rule, purpose, passed, asks, missingAt, remedy }) => (
            <tr key={`${rule} ${purpose}`}>
              <th scope="row">
                <span className={passed ? "good" : "bad"}>{passed ? "✓" : "✗"}</span> {rule}
                <span className="hidden-text">{passed ? " holds" : " does not hold"}</span>
              </th>
              <td className="soft">{purpose === CompletenessPurpose.AUDIT ? "audit" : "reproduction"}</td>
              <td>
                {asks}
                {remedy && <div className="soft">{remedy}</div>}
              </td>
              <td>
                {missingAt.slice(0, SHOWN).map((key) => (
                  <div key={written(key)}>
                    <KeyLink node={key} />
                  </div>
                ))}
                {missingAt.length > SHOWN && (
                  <span className="soft">{count(missingAt.length - SHOWN)} more</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

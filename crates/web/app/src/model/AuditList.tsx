import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Link } from "../frame/Link";
import type { AuditRecord } from "../generated/herdbook/registry/v1/transition_pb";
import { modelPath } from "./names";
import { reasonWords, recordWords } from "./records";

/** How far it is proved that nobody changed a record. */
export interface Proof {
  /** The revision of the last checkpoint that was compared; records up to it are signed. */
  signedTo: bigint;
  /** The first record that does not fit. */
  brokenAt: bigint | undefined;
}

interface Props {
  records: readonly AuditRecord[];
  /** What the log was found to be; absent while nobody has looked. */
  proof?: Proof | undefined;
  /** A record to be pointed out. */
  at?: bigint | undefined;
}

/** Records of the audit log, newest first: who did what, and why. */
export function AuditList({ records, proof, at }: Props) {
  return (
    <table className="facts audit">
      <thead>
        <tr>
          <th>When</th>
          <th>Who</th>
          <th className="wide">What</th>
          <th className="number">Revision</th>
          {proof && <th>Verified</th>}
        </tr>
      </thead>
      <tbody>
        {records.map((record) => (
          <Record
            key={record.revision.toString()}
            record={record}
            proof={proof}
            here={record.revision === at}
          />
        ))}
      </tbody>
    </table>
  );
}

function Record({ record, proof, here }: { record: AuditRecord; proof: Proof | undefined; here: boolean }) {
  const why = reasonWords(record);
  const { verdicts } = record.decision ?? { verdicts: [] };
  return (
    <tr id={`revision-${record.revision}`} className={here ? "here" : undefined}>
      <td>
        <Ago time={millis(record.at)} />
      </td>
      <td>{record.principal}</td>
      <td className="wide">
        {record.version > 0n ? (
          <Link to={modelPath(record.model, record.version)}>{recordWords(record)}</Link>
        ) : (
          recordWords(record)
        )}
        {why && <span className="soft"> – {why}</span>}
        {verdicts.length > 0 && (
          <details>
            <summary className="soft">
              {verdicts.filter((verdict) => verdict.passed).length} of {verdicts.length} rules held
            </summary>
            <ul>
              {verdicts.map((verdict) => (
                <li key={verdict.rule}>
                  <span className={verdict.passed ? "good" : "bad"}>{verdict.passed ? "✓" : "✗"}</span>{" "}
                  {verdict.requirement}: <span className="soft">{verdict.evidence}</span>
                </li>
              ))}
            </ul>
          </details>
        )}
      </td>
      <td className="number mono" title={record.hash}>
        {record.revision.toString()}
      </td>
      {proof && (
        <td>
          <Verified revision={record.revision} proof={proof} />
        </td>
      )}
    </tr>
  );
}

function Verified({ revision, proof }: { revision: bigint; proof: Proof }) {
  if (proof.brokenAt !== undefined && revision >= proof.brokenAt)
    return (
      <span className="bad" title="the chain of hashes does not hold from here on">
        ✗ broken
      </span>
    );
  if (revision <= proof.signedTo)
    return (
      <span className="good" title="its hash fits, and a signed checkpoint covers it">
        ✓ signed
      </span>
    );
  return (
    <span className="soft" title="its hash fits; the next checkpoint will sign it">
      ✓ chained
    </span>
  );
}

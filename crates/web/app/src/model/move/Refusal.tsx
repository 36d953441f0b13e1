import { messageOf, preconditions, reasonOf } from "../../api/errors";

/** Why the server did not do it: each reason by itself, as it sent them. */
export function Refusal({ error }: { error: unknown }) {
  const reasons = preconditions(error);
  return (
    <div className="refusal" role="alert">
      <p className="bad">
        Not done; nothing was changed. {reasons.length === 0 && messageOf(error)}{" "}
        <code>{reasonOf(error) ?? ""}</code>
      </p>
      {reasons.length > 0 && (
        <ul>
          {reasons.map(({ kind, subject, description }) => (
            <li key={`${kind} ${description}`}>
              <code>{kind}</code> <span className="soft">{subject}</span>
              <div>{description}</div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

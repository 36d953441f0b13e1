import { useState } from "react";
import { useCaller } from "../../api/caller";
import { requests } from "../../api/registry";
import { Ago, useNow } from "../../design/Time";
import { duration, millis } from "../../format/times";
import { Link } from "../../frame/Link";
import { Role } from "../../generated/herdbook/common/v1/role_pb";
import type { TransitionRequest } from "../../generated/herdbook/registry/v1/request_pb";
import { act } from "../act";
import { modelPath } from "../names";
import "./request.css";

interface Props {
  request: TransitionRequest;
  /** Whether the model is named too. */
  named?: boolean;
  onChanged: () => void;
}

/** An open request: what is asked and by whom, who has approved, and what one can do about it. */
export function RequestLine({ request, named, onChanged }: Props) {
  const caller = useCaller();
  const now = useNow();
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const { id, version, to, from, requestedBy, approvals, rollback } = request;
  const expires = millis(request.expiresAt);
  const mine = caller?.principal === requestedBy;
  const approved = approvals.some((one) => one.principal === caller?.principal);
  const role = caller?.role ?? Role.UNSPECIFIED;
  const name = `v${version}`;
  const run = async (done: string, work: () => Promise<unknown>) => {
    setBusy(true);
    await act(done, work, { after: () => setComment("") });
    setBusy(false);
    onChanged();
  };
  return (
    <section className="request" aria-label={`Request ${id}`}>
      <p>
        {named && (
          <>
            <Link to={modelPath(request.model)}>{request.model}</Link>{" "}
          </>
        )}
        <Link to={modelPath(request.model, version)}>{name}</Link> {rollback ? "back to" : `${from} →`}{" "}
        <strong>{to}</strong>
        <span className="soft">
          {" "}
          asked for by {mine ? "you" : requestedBy} <Ago time={millis(request.requestedAt)} />
          {expires !== undefined && `, open for ${duration(Math.max(0, expires - now))} more`}
        </span>
      </p>
      {request.comment && <blockquote>{request.comment}</blockquote>}
      {approvals.map((approval) => (
        <p key={approval.principal} className="approval">
          <span className="good" aria-hidden="true">
            ✓
          </span>{" "}
          approved by {approval.principal}{" "}
          <span className="soft">
            <Ago time={millis(approval.approvedAt)} />
          </span>
          {approval.comment && <> – {approval.comment}</>}
        </p>
      ))}
      {role >= Role.CONTRIBUTOR && (
        <div className="request-acts">
          <input
            className="input"
            aria-label={`Comment on the request for ${name}`}
            placeholder="comment"
            value={comment}
            onChange={(event) => setComment(event.target.value)}
          />
          {!mine && !approved && (
            <button
              type="button"
              className="button primary"
              disabled={busy}
              onClick={() =>
                run(`${name}: approved`, () =>
                  requests.approveRequest({ id, comment, digest: request.digest }),
                )
              }
            >
              Approve
            </button>
          )}
          {!mine && role >= Role.APPROVER && (
            <button
              type="button"
              className="button"
              disabled={busy}
              onClick={() =>
                run(`${name}: the request is rejected`, () => requests.rejectRequest({ id, comment }))
              }
            >
              Reject
            </button>
          )}
          {(mine || role === Role.ADMIN) && (
            <button
              type="button"
              className="button"
              disabled={busy}
              onClick={() =>
                run(`${name}: the request is withdrawn`, () => requests.withdrawRequest({ id, comment }))
              }
            >
              Withdraw
            </button>
          )}
          {mine && <span className="soft">it waits for somebody else’s word</span>}
          {approved && <span className="soft">you have approved it</span>}
        </div>
      )}
    </section>
  );
}

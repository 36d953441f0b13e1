import { useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { requests } from "../api/registry";
import { Link } from "../frame/Link";
import type { TransitionRequest } from "../generated/herdbook/registry/v1/request_pb";
import { Checklist } from "../model/move/Checklist";
import { modelPath } from "../model/names";

/** How the move of a request would be judged now, once somebody asks. */
export function Judged({ request }: { request: TransitionRequest }) {
  const [open, setOpen] = useState(false);
  const { id, approvals } = request;
  const answer = useAnswer(open ? `judged ${id} ${approvals.length}` : undefined, async (signal) => {
    return (await requests.getRequest({ id }, { signal })).decision;
  });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="soft">What the rules say now</summary>
      {answer.error !== undefined && <p className="bad">{messageOf(answer.error)}</p>}
      {answer.data && <Checklist decision={answer.data} stale={answer.stale} />}
      {answer.data && answer.data.displaced.length > 0 && (
        <p className="soft">
          It displaces {answer.data.displaced.map((number) => `v${number}`).join(", ")}.{" "}
          <Link
            to={modelPath(request.model, "compare")}
            query={{ from: `${answer.data.displaced[0]}`, to: `${request.version}` }}
          >
            Compare
          </Link>
        </p>
      )}
    </details>
  );
}

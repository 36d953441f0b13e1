import { useAnswer } from "../api/answer";
import { useCaller } from "../api/caller";
import { requests } from "../api/registry";
import { Part } from "../design/Part";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Skeleton, Trouble } from "../frame/States";
import type { TransitionRequest } from "../generated/herdbook/registry/v1/request_pb";
import { RequestLine } from "../model/requests/RequestLine";
import { useChanges } from "../model/watch";
import { Judged } from "./Judged";
import { useAwaiting } from "./useAwaiting";
import "../model/model.css";

const MOST = 100;

/** Moves that wait: for the caller's word, for that of others, and those the caller asked for. */
export default function ApprovalsPage() {
  const awaiting = useAwaiting();
  const caller = useCaller();
  const open = useAnswer("open requests", async (signal) => {
    return (await requests.listRequests({ pageSize: MOST }, { signal })).requests;
  });
  const reload = () => {
    awaiting.reload();
    open.reload();
  };
  useChanges("", reload);
  useTitle("Approvals");
  const error = awaiting.error ?? open.error;
  if (error !== undefined && !(awaiting.data && open.data))
    return (
      <Trouble
        error={error}
        what="What waits for approval"
        retry={reload}
        home={<Link to="/models">All models</Link>}
      />
    );
  if (!awaiting.data || !open.data) return <Skeleton />;
  const mine = new Set(awaiting.data.requests.map((request) => request.id));
  const asked = open.data.filter((request) => request.requestedBy === caller?.principal);
  const others = open.data.filter(
    (request) => !mine.has(request.id) && request.requestedBy !== caller?.principal,
  );
  return (
    <div className="page">
      <Crumb>
        <span className="soft">approvals</span>
      </Crumb>
      <div className="page-head">
        <h1>Approvals</h1>
        <span className="soft">
          {awaiting.data.requests.length === 0
            ? "nothing waits for you"
            : `${awaiting.data.requests.length}${awaiting.data.more ? "+" : ""} wait for you`}
        </span>
      </div>
      <Requests
        title="Waiting for you"
        none="Nothing waits for you in this workspace. A move waits for you when its rules count your approval."
        requests={awaiting.data.requests}
        judged
        reload={reload}
      />
      {asked.length > 0 && <Requests title="Asked for by you" none="" requests={asked} reload={reload} />}
      {others.length > 0 && <Requests title="Waiting for others" none="" requests={others} reload={reload} />}
    </div>
  );
}

interface RequestsProps {
  title: string;
  none: string;
  requests: readonly TransitionRequest[];
  /** Whether the rules are shown with each. */
  judged?: boolean;
  reload: () => void;
}

function Requests({ title, none, requests: shown, judged, reload }: RequestsProps) {
  return (
    <Part title={title}>
      {shown.length === 0 && <p className="soft">{none}</p>}
      {shown.map((request) => (
        <div key={request.id.toString()} className="waiting-request">
          <RequestLine request={request} named onChanged={reload} />
          {judged && <Judged request={request} />}
        </div>
      ))}
    </Part>
  );
}

import { useState } from "react";
import { useAnswer } from "../../api/answer";
import { refusedBy, useCaller } from "../../api/caller";
import { messageOf } from "../../api/errors";
import { requests, transitions, versions } from "../../api/registry";
import { useNow } from "../../design/Time";
import { duration, millis } from "../../format/times";
import { Skeleton } from "../../frame/States";
import { toast } from "../../frame/toasts";
import { Role } from "../../generated/herdbook/common/v1/role_pb";
import { type Decision, Outcome } from "../../generated/herdbook/registry/v1/transition_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { setQuery } from "../../state/url";
import { requestKey } from "../act";
import { versionName } from "../names";
import { isPromotion, moveOf, nextStage, targetsOf } from "../policy";
import { RequestLine } from "../requests/RequestLine";
import type { Standing } from "../standing";
import { Checklist, failing } from "./Checklist";
import { DecisionJson } from "./DecisionJson";
import { Override } from "./Override";
import { Reason } from "./Reason";
import { Refusal } from "./Refusal";
import { Sheet } from "./Sheet";

interface Props {
  standing: Standing;
  number: bigint;
  /** The stage that was asked for; the next one if none was. */
  to: string | undefined;
  onClose: () => void;
  onChanged: () => void;
}

/** What a move would come to, rule by rule, before it is asked for. */
export function MoveSheet({ standing, number, to, onClose, onChanged }: Props) {
  const shown = standing.columns.flatMap((column) => column.versions).find((one) => one.number === number);
  const asked = useAnswer(shown ? undefined : `version ${standing.model.name}/${number}`, async (signal) => {
    const reference = `${standing.model.name}/${number}`;
    return (await versions.getVersion({ reference }, { signal })).version;
  });
  const version = shown ?? asked.data;
  return (
    <Sheet label={`Move version ${number}`} onClose={onClose}>
      {version ? (
        <Move standing={standing} version={version} to={to} onClose={onClose} onChanged={onChanged} />
      ) : asked.error !== undefined ? (
        <p className="bad">{messageOf(asked.error)}</p>
      ) : (
        <Skeleton />
      )}
    </Sheet>
  );
}

type MoveProps = Omit<Props, "number"> & { version: Version };

function Move({ standing, version, to: wanted, onClose, onChanged }: MoveProps) {
  const { model, policy } = standing;
  const caller = useCaller();
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  const targets = targetsOf(policy, version.stage);
  const to = wanted ?? nextStage(policy, version.stage);
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const allowed = locked === undefined;
  const open = standing.requests.find(
    (request) => request.version === version.number && request.to === to && !request.rollback,
  );
  const asks = to !== undefined && (allowed || open !== undefined);
  const dry = useAnswer(
    asks ? `dry ${version.number} ${to} ${open?.id} ${model.revision}` : undefined,
    async (signal) => {
      // An open request is judged as if who asked for it asked now: by the approvals that it has.
      if (open) return (await requests.getRequest({ id: open.id }, { signal })).decision;
      const question = { model: model.name, version: version.number, to: to ?? "", dryRun: true };
      return (await transitions.transitionVersion(question, { signal })).decision;
    },
  );
  const decision = dry.data?.to === to ? dry.data : undefined;

  const ask = async (options: { request?: boolean; overrideReason?: string }) => {
    setBusy(true);
    setRefusal(undefined);
    try {
      const answer = await transitions.transitionVersion({
        model: model.name,
        version: version.number,
        to: to ?? "",
        comment,
        expectedRevision: model.revision,
        requestId: requestKey(),
        ...options,
      });
      toast(outcomeWords(answer.decision, version));
      onClose();
    } catch (error) {
      setRefusal(error);
      dry.reload();
    }
    setBusy(false);
    onChanged();
  };

  const name = versionName(version);
  if (to === undefined) {
    return (
      <>
        <h2>
          {name} stays in {version.stage}
        </h2>
        <p className="soft">The policy has no move out of {version.stage}.</p>
        <footer>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        </footer>
      </>
    );
  }
  const verb = isPromotion(policy, version.stage, to) ? "Promote" : "Move";
  const left = decision ? failing(decision) : 0;
  const passes = decision?.outcome === Outcome.WOULD_ALLOW;
  const pends = decision?.outcome === Outcome.WOULD_PEND;
  const hasMove = moveOf(policy, version.stage, to) !== undefined;
  const blocked = !decision || dry.stale || busy;
  return (
    <>
      <header className="sheet-head">
        <h2>
          {name} <span aria-hidden="true">→</span>
          <span className="hidden-text">to</span>{" "}
          <select
            className="input"
            aria-label="Stage to move to"
            value={to}
            onChange={(event) => setQuery({ to: event.target.value })}
          >
            {!targets.includes(to) && <option>{to}</option>}
            {targets.map((target) => (
              <option key={target}>{target}</option>
            ))}
          </select>
        </h2>
        <p className="soft">
          now in {version.stage}
          {decision && <Displaced decision={decision} standing={standing} />}
        </p>
      </header>
      {locked && <p className="warn">{locked}.</p>}
      {dry.error !== undefined && <Refusal error={dry.error} />}
      {decision ? (
        <Checklist decision={decision} stale={dry.stale} />
      ) : (
        asks && dry.error === undefined && <Skeleton rows={3} />
      )}
      {open && <RequestLine request={open} onChanged={onChanged} />}
      {refusal !== undefined && <Refusal error={refusal} />}
      {allowed && <Reason value={comment} onChange={setComment} />}
      <footer>
        <button
          type="button"
          className={pends ? "button" : "button primary"}
          disabled={blocked || !passes || !allowed}
          aria-describedby="move-left"
          onClick={() => ask({})}
        >
          {verb} to {to}
        </button>
        {allowed && hasMove && !passes && !open && (
          <button
            type="button"
            className={pends ? "button primary" : "button"}
            disabled={blocked}
            title="opens a request, which does the move by itself when all its rules hold"
            onClick={() => ask({ request: true })}
          >
            Request approval
          </button>
        )}
        <button type="button" className="button plain" onClick={onClose}>
          Cancel
        </button>
        <span id="move-left" className="soft" role="status">
          {left > 0 && `${left === 1 ? "one rule is" : `${left} rules are`} left`}
        </span>
      </footer>
      {decision && left > 0 && hasMove && caller?.role === Role.ADMIN && (
        <Override left={left} busy={busy} onOverride={(overrideReason) => ask({ overrideReason })} />
      )}
      {decision && <DecisionJson decision={decision} />}
    </>
  );
}

/** Which versions make way, and for how long they have served. */
function Displaced({ decision, standing }: { decision: Decision; standing: Standing }) {
  const now = useNow();
  if (decision.displaced.length === 0) return <> · displaces nothing</>;
  const versions = standing.columns.flatMap((column) => column.versions);
  return (
    <>
      {" · displaces "}
      {decision.displaced.map((number, at) => {
        const version = versions.find((one) => one.number === number);
        const since = millis(version?.stageSince);
        return (
          <span key={number.toString()}>
            {at > 0 && ", "}
            <strong>{version ? versionName(version) : `v${number}`}</strong>
            {since !== undefined && `, serving for ${duration(now - since)}`}
          </span>
        );
      })}
    </>
  );
}

function outcomeWords(decision: Decision | undefined, version: Version): string {
  const name = versionName(version);
  switch (decision?.outcome) {
    case Outcome.PENDING:
      return `${name} waits for approval`;
    case Outcome.OVERRIDDEN:
      return `${name} stands in ${decision.to}, against the rules; the audit log says why`;
    default:
      return `${name} stands in ${decision?.to}`;
  }
}

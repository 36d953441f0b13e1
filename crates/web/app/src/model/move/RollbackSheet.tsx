import { useState } from "react";
import { useAnswer } from "../../api/answer";
import { refusedBy, useCaller } from "../../api/caller";
import { transitions } from "../../api/registry";
import { absolute, duration, millis } from "../../format/times";
import { Skeleton } from "../../frame/States";
import { toast } from "../../frame/toasts";
import { Role } from "../../generated/herdbook/common/v1/role_pb";
import { Outcome, type Stay } from "../../generated/herdbook/registry/v1/transition_pb";
import { setQuery } from "../../state/url";
import { requestKey } from "../act";
import { versionName } from "../names";
import type { Standing } from "../standing";
import { Checklist, failing } from "./Checklist";
import { DecisionJson } from "./DecisionJson";
import { Reason } from "./Reason";
import { Refusal } from "./Refusal";
import { Sheet } from "./Sheet";

const STAYS = 100;

interface Props {
  standing: Standing;
  stage: string;
  /** The version to go back to; the one before if absent. */
  number: bigint | undefined;
  onClose: () => void;
  onChanged: () => void;
}

/** What a stage would go back to, by the policy's rules for that, before it does. */
export function RollbackSheet({ standing, stage, number, onClose, onChanged }: Props) {
  const { model } = standing;
  const caller = useCaller();
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<unknown>();
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const allowed = locked === undefined;
  const stays = useAnswer(`stays ${stage} ${model.revision}`, async (signal) => {
    return (await transitions.listStays({ model: model.name, stage, pageSize: STAYS }, { signal })).stays;
  });
  const dry = useAnswer(
    allowed ? `rollback ${stage} ${number} ${model.revision}` : undefined,
    async (signal) => {
      const question = { model: model.name, stage, version: number ?? 0n, dryRun: true };
      return (await transitions.rollbackStage(question, { signal })).decision;
    },
  );
  const decision = dry.error === undefined ? dry.data : undefined;
  const before = former(stays.data ?? []);
  const back = before.find((stay) => stay.version === decision?.version);
  const passes = decision?.outcome === Outcome.WOULD_ALLOW;
  const pends = decision?.outcome === Outcome.WOULD_PEND;
  const left = decision ? failing(decision) : 0;

  const rollBack = async () => {
    if (!decision) return;
    setBusy(true);
    setRefusal(undefined);
    try {
      const done = await transitions.rollbackStage({
        model: model.name,
        stage,
        version: decision.version,
        comment,
        expectedRevision: model.revision,
        requestId: requestKey(),
      });
      const pending = done.decision?.outcome === Outcome.PENDING;
      toast(pending ? `v${decision.version} waits for approval` : `${stage} is back to v${decision.version}`);
      onClose();
    } catch (error) {
      setRefusal(error);
      dry.reload();
    }
    setBusy(false);
    onChanged();
  };

  return (
    <Sheet label={`Roll back ${stage}`} onClose={onClose}>
      <header className="sheet-head">
        <h2>
          {stage} back to{" "}
          <select
            className="input"
            aria-label="Version to go back to"
            value={`${number ?? decision?.version ?? ""}`}
            onChange={(event) => setQuery({ version: event.target.value })}
          >
            {number === undefined && decision === undefined && <option value="">the one before</option>}
            {before.map((stay) => (
              <option key={stay.version.toString()} value={stay.version.toString()}>
                {versionName({ number: stay.version, label: stay.label })}
              </option>
            ))}
          </select>
        </h2>
        <p className="soft">
          {back ? stood(back) : "a version that stood here before"}
          {decision && decision.displaced.length > 0 && (
            <>
              {" · displaces "}
              <strong>{decision.displaced.map((one) => `v${one}`).join(", ")}</strong>
            </>
          )}
        </p>
      </header>
      {locked && <p className="warn">{locked}.</p>}
      {dry.error !== undefined && <Refusal error={dry.error} />}
      {decision ? (
        <Checklist decision={decision} stale={dry.stale} />
      ) : (
        allowed && dry.error === undefined && <Skeleton rows={2} />
      )}
      {refusal !== undefined && <Refusal error={refusal} />}
      {allowed && <Reason value={comment} onChange={setComment} />}
      <footer>
        <button
          type="button"
          className="button primary"
          disabled={!decision || dry.stale || busy || !(passes || pends)}
          aria-describedby="rollback-left"
          onClick={rollBack}
        >
          {pends ? "Request the rollback" : `Roll back to v${decision?.version ?? "…"}`}
        </button>
        <button type="button" className="button plain" onClick={onClose}>
          Cancel
        </button>
        <span id="rollback-left" className="soft" role="status">
          {left > 0 && `${left === 1 ? "one rule is" : `${left} rules are`} left`}
        </span>
      </footer>
      {decision && <DecisionJson decision={decision} />}
    </Sheet>
  );
}

/** The last stay of each version that stood there and left. */
function former(stays: readonly Stay[]): Stay[] {
  const standing = new Set(stays.filter((stay) => !stay.leftAt).map((stay) => stay.version));
  const found = new Map<bigint, Stay>();
  for (const stay of stays) {
    if (!standing.has(stay.version) && !found.has(stay.version)) found.set(stay.version, stay);
  }
  return [...found.values()];
}

function stood(stay: Stay): string {
  const [entered, left] = [millis(stay.enteredAt), millis(stay.leftAt)];
  if (left === undefined) return "it stands here";
  const until = `until ${absolute(left)}`;
  return entered === undefined
    ? `stood here ${until}`
    : `stood here for ${duration(left - entered)}, ${until}`;
}

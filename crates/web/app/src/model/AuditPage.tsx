import { useEffect, useState } from "react";
import { useAnswer } from "../api/answer";
import { refusedBy, useCaller } from "../api/caller";
import { messageOf } from "../api/errors";
import { audit, transitions } from "../api/registry";
import { Copy } from "../design/Copy";
import { Ago } from "../design/Time";
import { count } from "../format/numbers";
import { millis } from "../format/times";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Skeleton, Trouble } from "../frame/States";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { AuditRecord } from "../generated/herdbook/registry/v1/transition_pb";
import { usePlace } from "../state/url";
import { AuditList, type Proof } from "./AuditList";
import { act } from "./act";
import { modelPath } from "./names";
import { useChanges } from "./watch";
import "./model.css";

const PAGE = 100;

/** The audit log of a model: who did what and why, and whether the log is as it was written. */
export default function AuditPage({ model }: { model: string }) {
  const { query } = usePlace();
  const at = /^\d+$/.test(query.get("at") ?? "") ? BigInt(query.get("at") ?? "0") : undefined;
  const [pages, setPages] = useState(1);
  const list = useAnswer(`audit ${model} ${pages} ${at}`, (signal) => read(model, pages, at, signal));
  const caller = useCaller();
  // Of the whole workspace: records are chained in the order of its revisions.
  const verified = useAnswer(`verified ${list.data?.records[0]?.revision}`, verify);
  useChanges(model, list.reload);
  useTitle(`${model}: audit`);
  const found = list.data !== undefined;
  useEffect(() => {
    if (found && at !== undefined)
      document.getElementById(`revision-${at}`)?.scrollIntoView({ block: "center" });
  }, [found, at]);
  if (list.error !== undefined)
    return (
      <Trouble
        error={list.error}
        what={`The audit log of ${model}`}
        retry={list.reload}
        home={<Link to="/models">All models</Link>}
      />
    );
  const proof: Proof | undefined = verified.data && {
    signedTo: verified.data.last?.revision ?? 0n,
    brokenAt: verified.data.log.brokenAt,
  };
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const sign = () =>
    act("The log is signed up to now", () => audit.createCheckpoint({}), { after: verified.reload });
  return (
    <div className="page">
      <Crumb>
        <Link to={modelPath(model)}>{model}</Link>
        <span className="soft">audit</span>
      </Crumb>
      <div className="page-head">
        <h1>Audit of {model}</h1>
        <span className="grow" />
        <button
          type="button"
          className="button"
          disabled={locked !== undefined}
          title={locked ?? "signs how far the log of this workspace has come, after verifying what is new"}
          onClick={sign}
        >
          Sign now
        </button>
      </div>
      <section className="verification" role="status">
        {verified.error !== undefined ? (
          <p className="bad">The log could not be verified: {messageOf(verified.error)}</p>
        ) : verified.data ? (
          <Verification {...verified.data} />
        ) : (
          <p className="soft">Verifying the log…</p>
        )}
      </section>
      {list.data ? <AuditList records={list.data.records} proof={proof} at={at} /> : <Skeleton />}
      {list.data?.more && (
        <button type="button" className="button" onClick={() => setPages(pages + 1)}>
          Show older
        </button>
      )}
    </div>
  );
}

type Verified = Awaited<ReturnType<typeof verify>>;

function Verification({ log, last }: Verified) {
  if (log.brokenAt !== undefined)
    return (
      <p className="bad">
        ✗ The log does not fit from revision {log.brokenAt.toString()} on: {log.problem}. Compare it with a
        checkpoint that was kept elsewhere: <code>herdbook audit verify --checkpoint FILE</code>.
      </p>
    );
  return (
    <p>
      <span className="good">✓ Nothing was changed, removed or reordered:</span> {count(log.records)} records
      of this workspace fit,{" "}
      {last ? (
        <>
          signed up to revision {last.revision.toString()} <Ago time={millis(last.at)} />
          <Copy text={`${last.hash}`} label="copy hash" />
        </>
      ) : (
        "none of them signed yet"
      )}
    </p>
  );
}

async function verify(signal: AbortSignal) {
  const [log, signed] = await Promise.all([
    transitions.verifyAudit({}, { signal }),
    audit.listCheckpoints({ pageSize: 1 }, { signal }),
  ]);
  return { log, last: signed.checkpoints[0] };
}

/** So many pages of records, or as many as it takes to come to the revision `at`. */
async function read(model: string, pages: number, at: bigint | undefined, signal: AbortSignal) {
  const records: AuditRecord[] = [];
  let pageToken = "";
  for (let page = 0; page < pages || (at !== undefined && (records.at(-1)?.revision ?? at) > at); page++) {
    const answer = await transitions.listAuditRecords({ model, pageSize: PAGE, pageToken }, { signal });
    records.push(...answer.records);
    pageToken = answer.nextPageToken;
    if (!pageToken) break;
  }
  return { records, more: pageToken !== "" };
}

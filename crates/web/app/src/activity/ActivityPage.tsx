import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { useState } from "react";
import { useAnswer } from "../api/answer";
import { useCaller } from "../api/caller";
import { access } from "../api/clients";
import { messageOf } from "../api/errors";
import { activity, comments } from "../api/team";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import { ActivityKind } from "../generated/herdbook/team/v1/activity_pb";
import { setQuery, usePlace } from "../state/url";
import "./activity.css";
import { ofComment, type Sentence, sentenceOf } from "./sentence";

const REFRESH_MS = 5000;
const PAGE = 100;

/** What one looks at, by the word in the address. */
const KINDS: Record<string, { label: string; kinds: ActivityKind[] }> = {
  all: { label: "Everything", kinds: [] },
  runs: { label: "Runs", kinds: [ActivityKind.RUN] },
  registry: { label: "Models", kinds: [ActivityKind.REGISTRY] },
  talk: { label: "Comments and reports", kinds: [ActivityKind.COMMENT, ActivityKind.REPORT] },
  access: { label: "Access", kinds: [ActivityKind.ACCESS] },
};
const MENTIONS = "mentions";

interface Line extends Sentence {
  key: string;
  at: Timestamp | undefined;
  principal: string;
}

interface Lines {
  lines: Line[];
  next: string;
}

/** What happened in the workspace, newest first, and what mentions the user. */
export default function ActivityPage() {
  const { query } = usePlace();
  const caller = useCaller();
  const kind = query.get("kind") ?? "all";
  const by = query.get("by") ?? "";
  const members = useAnswer("members", (signal) => access.listPrincipals({}, { signal })).data?.principals;
  const asked = `activity ${kind} ${by}`;
  const first = useAnswer(asked, (signal) => read(kind, by, "", signal), { every: REFRESH_MS, keep: false });
  // The pages after the first, as they were when they were asked for, of the question that they answer.
  const [held, setHeld] = useState<Lines & { asked: string }>();
  const older = held?.asked === asked ? held : undefined;
  const [from, setFrom] = useState<string>();
  useTitle("Activity");

  const more = async () => {
    const token = older?.next ?? first.data?.next ?? "";
    if (from === token) return;
    setFrom(token);
    try {
      const page = await read(kind, by, token, new AbortController().signal);
      setHeld({ asked, lines: [...(older?.lines ?? []), ...page.lines], next: page.next });
    } catch (error) {
      toast(messageOf(error));
    }
    setFrom(undefined);
  };

  const known = new Set(first.data?.lines.map(({ key }) => key));
  const lines = [...(first.data?.lines ?? []), ...(older?.lines.filter(({ key }) => !known.has(key)) ?? [])];
  const next = older ? older.next : first.data?.next;
  return (
    <div className="page activity">
      <div className="page-head">
        <h1>Activity</h1>
        <span className="soft">what happened in {caller?.workspace ?? "this workspace"}, newest first</span>
        <span className="grow" />
        {kind !== MENTIONS && (
          <label className="field">
            by
            <select className="input" value={by} onChange={(event) => setQuery({ by: event.target.value })}>
              <option value="">everybody</option>
              {by && !members?.some(({ name }) => name === by) && <option>{by}</option>}
              {members?.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      <div className="kinds" role="group" aria-label="What to show">
        {[
          ...Object.entries(KINDS).map(([word, { label }]) => [word, label] as const),
          [MENTIONS, "Mentions of me"] as const,
        ].map(([word, label]) => (
          <button
            key={word}
            type="button"
            className="button"
            aria-pressed={word === kind}
            onClick={() => setQuery({ kind: word === "all" ? undefined : word })}
          >
            {label}
          </button>
        ))}
      </div>
      {first.error !== undefined && !first.data ? (
        <Trouble error={first.error} what="What happened" retry={first.reload} />
      ) : !first.data ? (
        <Skeleton />
      ) : lines.length === 0 ? (
        <Nothing kind={kind} by={by} />
      ) : (
        <ol className="feed">
          {lines.map((line) => (
            <Happened key={line.key} line={line} />
          ))}
        </ol>
      )}
      {next && (
        <button type="button" className="button" onClick={() => void more()} disabled={from !== undefined}>
          {from !== undefined ? "Reading…" : "Show older"}
        </button>
      )}
    </div>
  );
}

function Happened({ line }: { line: Line }) {
  const { did, thing, more, tone } = line;
  return (
    <li>
      <span className="soft when">
        <Ago time={millis(line.at)} />
      </span>
      <span>
        <i className={`mark ${tone ?? ""}`} aria-hidden="true" />
        <b>{line.principal}</b> {did} {thing && <Link to={thing.to}>{thing.name}</Link>}
        {more && <span className="soft more"> {more}</span>}
      </span>
    </li>
  );
}

function Nothing({ kind, by }: { kind: string; by: string }) {
  if (kind === MENTIONS)
    return (
      <Notice title="Nobody has mentioned you yet">
        What somebody writes behind an @ and your name, in a comment on a run, a model or a version, is listed
        here.
      </Notice>
    );
  return (
    <Notice
      title={by ? `${by} has done nothing of this yet` : "Nothing of this has happened yet"}
      action={
        kind !== "all" || by ? (
          <button
            type="button"
            className="button"
            onClick={() => setQuery({ kind: undefined, by: undefined })}
          >
            Show everything
          </button>
        ) : (
          <Link to="/start">Log a first run</Link>
        )
      }
    >
      Runs that end, versions that move, requests, comments, reports and changes of access are listed here.
    </Notice>
  );
}

async function read(kind: string, by: string, pageToken: string, signal: AbortSignal): Promise<Lines> {
  if (kind === MENTIONS) {
    const page = await comments.listMentions({ pageSize: PAGE, pageToken }, { signal });
    const lines = page.comments.map((comment) => ({
      ...ofComment(comment),
      key: comment.id,
      at: comment.createdAt,
      principal: comment.author,
    }));
    return { lines, next: page.nextPageToken };
  }
  const lines: Line[] = [];
  let next = pageToken;
  // Pages of what one principal did may be empty before the last.
  do {
    const page = await activity.listActivity(
      { kinds: KINDS[kind]?.kinds ?? [], principal: by, pageSize: PAGE, pageToken: next },
      { signal },
    );
    for (const one of page.activities)
      lines.push({ ...sentenceOf(one), key: keyOf(one), at: one.at, principal: one.principal });
    next = page.nextPageToken;
  } while (next && lines.length === 0);
  return { lines, next };
}

function keyOf({ event }: Parameters<typeof sentenceOf>[0]): string {
  switch (event.case) {
    case "run":
      return `run ${event.value.runId}`;
    case "record":
      return `record ${event.value.revision}`;
    case "comment":
      return `comment ${event.value.id}`;
    case "report":
      return `report ${event.value.reportId} ${event.value.revision}`;
    case "access":
      return `access ${event.value.id}`;
    default:
      return "";
  }
}

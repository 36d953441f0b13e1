import { useEffect, useRef, useState } from "react";
import { useAnswer } from "../api/answer";
import { useCaller } from "../api/caller";
import { messageOf } from "../api/errors";
import { newRequestId } from "../api/requests";
import { comments } from "../api/team";
import { Markdown } from "../design/MarkdownOnDemand";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { Comment } from "../generated/herdbook/team/v1/comment_pb";
import type { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import "./comments.css";
import { Composer } from "./Composer";

/** What others say shows within this time. */
const REFRESH_MS = 3000;
const PAGE = 1000;

/**
 * What people say about a thing, live, and a place to say more: a part of its page. `name` is in the notation of
 * its kind: a run's id, an experiment's number, a model's name, `model/number`, a report's id.
 */
export function Comments({ kind, name }: { kind: SubjectKind; name: string }) {
  const caller = useCaller();
  const list = useAnswer(`comments ${kind} ${name}`, (signal) => readAll(kind, name, signal), {
    every: REFRESH_MS,
    keep: false,
  });
  const target = useTarget(list.data !== undefined);
  const mayWrite = (caller?.role ?? 0) >= Role.CONTRIBUTOR;
  // The same until something was said: a repeat after a lost answer says it once.
  const requestId = useRef(newRequestId());
  const say = async (text: string) => {
    await comments.createComment({ subject: { kind, name }, text, requestId: requestId.current });
    requestId.current = newRequestId();
    list.reload();
  };
  const said = list.data?.filter((comment) => !comment.deletedAt).length ?? 0;
  return (
    <Part title={said ? `Comments (${said})` : "Comments"}>
      <p role="status" className="hidden-text">
        {said} {said === 1 ? "comment" : "comments"}
      </p>
      {list.error !== undefined && list.data === undefined ? (
        <Trouble error={list.error} what="What was said" retry={list.reload} />
      ) : (
        <ol className="comments">
          {list.data?.map((comment) => (
            <Said
              key={comment.id}
              comment={comment}
              marked={target === `comment-${comment.id}`}
              own={comment.author === caller?.principal && mayWrite}
              manages={caller?.role === Role.ADMIN}
              onChanged={list.reload}
            />
          ))}
        </ol>
      )}
      {list.data?.length === 0 && <p className="soft">nobody has said anything yet</p>}
      {mayWrite ? (
        <Composer label="Say something" action="Comment" onSend={say} />
      ) : (
        caller && (
          <p className="soft">To comment you need the role contributor; ask an admin of the workspace.</p>
        )
      )}
    </Part>
  );
}

async function readAll(kind: SubjectKind, name: string, signal: AbortSignal): Promise<Comment[]> {
  const all: Comment[] = [];
  let pageToken = "";
  do {
    const page = await comments.listComments(
      { subject: { kind, name }, pageSize: PAGE, pageToken },
      { signal },
    );
    all.push(...page.comments);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return all;
}

/** The comment that the address names, which is scrolled to once it is there. */
function useTarget(ready: boolean): string {
  const target = window.location.hash.slice(1);
  useEffect(() => {
    if (ready && target) document.getElementById(target)?.scrollIntoView({ block: "center" });
  }, [ready, target]);
  return target;
}

function Said({
  comment,
  marked,
  own,
  manages,
  onChanged,
}: {
  comment: Comment;
  marked: boolean;
  own: boolean;
  manages: boolean;
  onChanged: () => void;
}) {
  const [editing, setEditing] = useState(false);
  const change = async (text: string) => {
    await comments.updateComment({ id: comment.id, text });
    setEditing(false);
    onChanged();
  };
  const remove = async () => {
    try {
      await comments.deleteComment({ id: comment.id });
    } catch (error) {
      toast(messageOf(error));
    }
    onChanged();
  };
  if (comment.deletedAt)
    return (
      <li className="soft">
        {comment.author} said something and it was deleted <Ago time={millis(comment.deletedAt)} />
      </li>
    );
  return (
    <li id={`comment-${comment.id}`} className={marked ? "marked" : undefined}>
      <header>
        <b>{comment.author}</b>
        <a className="soft" href={`#comment-${comment.id}`}>
          <Ago time={millis(comment.createdAt)} />
        </a>
        {comment.editedAt && (
          <span className="soft">
            · edited <Ago time={millis(comment.editedAt)} />
          </span>
        )}
        <span className="grow" />
        {own && !editing && (
          <button type="button" className="button plain" onClick={() => setEditing(true)}>
            Edit
          </button>
        )}
        {(own || manages) && !editing && <Delete author={comment.author} onDelete={() => void remove()} />}
      </header>
      {editing ? (
        <Composer
          label="Your comment"
          action="Save"
          initial={comment.text}
          onSend={change}
          onCancel={() => setEditing(false)}
        />
      ) : (
        <Markdown text={comment.text} />
      )}
    </li>
  );
}

/** A text that is deleted is gone: it is asked twice. */
function Delete({ author, onDelete }: { author: string; onDelete: () => void }) {
  const [sure, setSure] = useState(false);
  return (
    <button
      type="button"
      className={sure ? "button bad" : "button plain"}
      aria-label={sure ? undefined : `Delete what ${author} said`}
      onBlur={() => setSure(false)}
      onClick={() => (sure ? onDelete() : setSure(true))}
    >
      {sure ? "Delete for good" : "Delete"}
    </button>
  );
}

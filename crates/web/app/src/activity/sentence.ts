import { roleName } from "../api/caller";
import { middle } from "../format/names";
import { AccessAction, type AccessChange } from "../generated/herdbook/access/v1/access_pb";
import { AuditAction, type AuditRecord, Outcome } from "../generated/herdbook/registry/v1/transition_pb";
import type { Activity } from "../generated/herdbook/team/v1/activity_pb";
import type { Comment } from "../generated/herdbook/team/v1/comment_pb";
import { type Subject, SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { RunStatus } from "../generated/herdbook/tracking/v1/run_pb";

/** What happened in words: what somebody did, and the thing it was done to with its page. */
export interface Sentence {
  did: string;
  thing?: { name: string; to: string } | undefined;
  /** What else is to be said, such as the first words of a comment. */
  more?: string | undefined;
  /** Whether it is good news or bad. */
  tone?: "good" | "bad" | "warn" | undefined;
}

const SAID_CHARS = 120;

export function sentenceOf({ event }: Activity): Sentence {
  switch (event.case) {
    case "run": {
      const { runId, name, status } = event.value;
      const thing = { name, to: `/runs/${runId}` };
      if (status === RunStatus.FINISHED) return { did: "finished the run", thing, tone: "good" };
      if (status === RunStatus.FAILED) return { did: "had a run fail:", thing, tone: "bad" };
      return { did: "stopped the run", thing };
    }
    case "record":
      return ofRecord(event.value);
    case "comment":
      return ofComment(event.value);
    case "report":
      return {
        did: event.value.revision === 1n ? "wrote the report" : "saved the report",
        thing: { name: event.value.title, to: `/reports/${event.value.reportId}` },
        more: event.value.comment || undefined,
      };
    case "access":
      return ofAccess(event.value);
    default:
      return { did: "did something that this version of the page does not know" };
  }
}

export function ofComment(comment: Comment): Sentence {
  const first = comment.text.split("\n", 1)[0] ?? "";
  return {
    did: "said about",
    thing: comment.subject && thingOf(comment.subject, comment.id),
    more: first.length > SAID_CHARS ? `${first.slice(0, SAID_CHARS)}…` : first,
  };
}

/** The page of what a comment is about, at the comment. */
function thingOf({ kind, name }: Subject, comment: string): { name: string; to: string } {
  const at = `#comment-${comment}`;
  switch (kind) {
    case SubjectKind.RUN:
      return { name: `run ${name.slice(-8)}`, to: `/runs/${name}${at}` };
    case SubjectKind.EXPERIMENT:
      return { name: `experiment ${name}`, to: `/experiments/${name}${at}` };
    case SubjectKind.REPORT:
      return { name: "a report", to: `/reports/${name}${at}` };
    case SubjectKind.VERSION:
      return { name, to: `${versionPage(name)}${at}` };
    default:
      return { name, to: `${modelPage(name)}${at}` };
  }
}

/** The page of a version, given as `model/number`. */
function versionPage(name: string): string {
  const slash = name.lastIndexOf("/");
  return `${modelPage(name.slice(0, slash))}${name.slice(slash)}`;
}

function modelPage(name: string): string {
  return `/models/${encodeURIComponent(name)}`;
}

function ofAccess({ action, subject, role, token }: AccessChange): Sentence {
  const words = roleName(role);
  const thing = { name: subject, to: "/team" };
  switch (action) {
    case AccessAction.CREATE_WORKSPACE:
      return { did: "created this workspace" };
    case AccessAction.GRANT_ROLE:
      return { did: `gave the role ${words} to`, thing };
    case AccessAction.REVOKE_ROLE:
      return { did: "took the role away from", thing, tone: "warn" };
    case AccessAction.CREATE_TOKEN:
      return { did: `created the token “${token}” for`, thing };
    case AccessAction.REVOKE_TOKEN:
      return { did: `revoked the token “${token}” of`, thing };
    default:
      return { did: "changed the access of", thing };
  }
}

/** What an action of the registry is called, where it has no more to say. */
const DID: Partial<Record<AuditAction, string>> = {
  [AuditAction.CREATE_MODEL]: "created the model",
  [AuditAction.UPDATE_MODEL]: "changed the model",
  [AuditAction.CREATE_VERSION]: "registered",
  [AuditAction.UPDATE_VERSION]: "changed",
  [AuditAction.SET_ALIAS]: "set an alias of",
  [AuditAction.SET_POLICY]: "set the policy of",
  [AuditAction.REPORT_CHECK]: "reported a check of",
  [AuditAction.REQUEST_TRANSITION]: "asked for approval of",
  [AuditAction.REQUEST_ROLLBACK]: "asked for a rollback of",
  [AuditAction.APPROVE_REQUEST]: "approved",
  [AuditAction.REJECT_REQUEST]: "rejected",
  [AuditAction.WITHDRAW_REQUEST]: "took back the request for",
  [AuditAction.APPLY_POLICY]: "saved a shared policy",
  [AuditAction.DELETE_POLICY]: "deleted a shared policy",
  [AuditAction.DELETE_VERSION]: "deleted",
  [AuditAction.DELETE_MODEL]: "deleted the model",
  [AuditAction.RENAME_MODEL]: "renamed the model",
  [AuditAction.ADD_SIGNATURE]: "signed",
  [AuditAction.CREATE_WEBHOOK]: "created a webhook",
  [AuditAction.UPDATE_WEBHOOK]: "changed a webhook",
  [AuditAction.DELETE_WEBHOOK]: "deleted a webhook",
};

function ofRecord(record: AuditRecord): Sentence {
  const { action, model, version, decision } = record;
  const name = version ? `${middle(model, 48)} v${version}` : middle(model, 48);
  const to = version ? versionPage(`${model}/${version}`) : modelPage(model);
  const thing = model ? { name, to } : undefined;
  const comment = decision?.comment || decision?.overrideReason || undefined;
  const moved =
    action === AuditAction.TRANSITION || action === AuditAction.ROLLBACK || action === AuditAction.OVERRIDE;
  if (!moved || !decision) return { did: DID[action] ?? "changed the registry:", thing, more: comment };
  const way = `${decision.from} → ${decision.to}`;
  switch (decision.outcome) {
    case Outcome.REFUSED: {
      const failed = decision.verdicts.filter(({ passed }) => !passed).map(({ rule }) => rule);
      const why = failed.length ? `: ${failed.join(", ")}` : "";
      return { did: "was refused", thing, more: `${way}${why}`, tone: "bad" };
    }
    case Outcome.OVERRIDDEN:
      return { did: "moved, against the rules,", thing, more: `${way}${said(comment)}`, tone: "warn" };
    default: {
      const did = action === AuditAction.ROLLBACK ? "rolled back to" : "moved";
      return { did, thing, more: `${way}${said(comment)}`, tone: "good" };
    }
  }
}

function said(comment: string | undefined): string {
  return comment ? ` · ${comment}` : "";
}

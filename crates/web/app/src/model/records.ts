import { AuditAction, type AuditRecord, Outcome } from "../generated/herdbook/registry/v1/transition_pb";

/** What an audit record says, as a sentence whose subject is who did it. */
export function recordWords(record: AuditRecord): string {
  const details = detailsOf(record);
  const version = record.version ? `v${record.version}` : "a version";
  const text = (key: string) => String(details[key] ?? "");
  switch (record.action) {
    case AuditAction.CREATE_MODEL:
      return "created the model";
    case AuditAction.UPDATE_MODEL:
      return `changed the model${changed(details)}`;
    case AuditAction.RENAME_MODEL:
      return "renamed the model";
    case AuditAction.DELETE_MODEL:
      return "deleted the model";
    case AuditAction.CREATE_VERSION:
      return `registered ${version}`;
    case AuditAction.UPDATE_VERSION:
      return `changed ${version}${changed(details)}`;
    case AuditAction.DELETE_VERSION:
      return `deleted ${version}`;
    case AuditAction.SET_ALIAS:
      return record.version ? `pointed @${text("alias")} at ${version}` : `removed @${text("alias")}`;
    case AuditAction.SET_POLICY:
      return "changed the policy";
    case AuditAction.APPLY_POLICY:
      return "saved a shared policy";
    case AuditAction.DELETE_POLICY:
      return "deleted a shared policy";
    case AuditAction.REPORT_CHECK:
      return `reported the check ${text("check")} of ${version}: ${details["passed"] ? "passed" : "failed"}`;
    case AuditAction.ADD_SIGNATURE:
      return `signed ${version}`;
    case AuditAction.APPROVE_REQUEST:
      return `approved the request for ${version}`;
    case AuditAction.REJECT_REQUEST:
      return `rejected the request for ${version}`;
    case AuditAction.WITHDRAW_REQUEST:
      return `withdrew the request for ${version}`;
    case AuditAction.TRANSITION:
    case AuditAction.ROLLBACK:
    case AuditAction.OVERRIDE:
    case AuditAction.REQUEST_TRANSITION:
    case AuditAction.REQUEST_ROLLBACK:
      return moveWords(record, version);
    default:
      return AuditAction[record.action]?.toLowerCase().replaceAll("_", " ") ?? "did something";
  }
}

function moveWords({ action, decision }: AuditRecord, version: string): string {
  const to = decision?.to ?? "a stage";
  const way = `${version} from ${decision?.from ?? "its stage"} to ${to}`;
  const back = action === AuditAction.ROLLBACK || action === AuditAction.REQUEST_ROLLBACK;
  switch (decision?.outcome) {
    case Outcome.REFUSED: {
      const failed = decision.verdicts.filter((verdict) => !verdict.passed).map((verdict) => verdict.rule);
      return `was refused to ${back ? "roll back" : "move"} ${way}: ${failed.join(", ")}`;
    }
    case Outcome.PENDING:
      return back ? `asked to roll ${to} back to ${version}` : `asked to move ${way}`;
    case Outcome.OVERRIDDEN:
      return `moved ${way} against the rules`;
    default:
      return back ? `rolled ${to} back to ${version}` : `moved ${way}`;
  }
}

/** Why, as whoever did it said. */
export function reasonWords(record: AuditRecord): string {
  const details = detailsOf(record);
  const approval = details["approval"];
  // The decision of an approval carries the comment of the request.
  if (typeof approval === "string") return approval;
  const said = details["comment"];
  return (
    record.decision?.overrideReason || record.decision?.comment || (typeof said === "string" ? said : "")
  );
}

function detailsOf(record: AuditRecord): Record<string, unknown> {
  try {
    const details: unknown = record.details ? JSON.parse(record.details) : {};
    return typeof details === "object" && details !== null ? (details as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The tags that were set or removed; of other fields a record does not say which. */
function changed(details: Record<string, unknown>): string {
  const tags = details["changed_tags"];
  const keys = typeof tags === "object" && tags !== null ? Object.keys(tags) : [];
  return keys.length ? `: ${keys.length === 1 ? "tag" : "tags"} ${keys.join(", ")}` : "";
}

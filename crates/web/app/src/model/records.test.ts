import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { AuditAction, AuditRecordSchema, Outcome } from "../generated/herdbook/registry/v1/transition_pb";
import { reasonWords, recordWords } from "./records";

const record = (init: MessageInitShape<typeof AuditRecordSchema>) => create(AuditRecordSchema, init);
const decision = (outcome: Outcome) => ({
  from: "Staging",
  to: "Production",
  outcome,
  comment: "why not",
  verdicts: [
    { rule: "good-enough", passed: true },
    { rule: "fast-enough", passed: false },
  ],
});

it("tells moves, and those that were refused with the rules that failed", () => {
  const moved = record({
    action: AuditAction.TRANSITION,
    version: 7n,
    decision: decision(Outcome.ALLOWED),
  });
  expect(recordWords(moved)).toBe("moved v7 from Staging to Production");
  expect(reasonWords(moved)).toBe("why not");
  const refused = record({
    action: AuditAction.TRANSITION,
    version: 7n,
    decision: decision(Outcome.REFUSED),
  });
  expect(recordWords(refused)).toBe("was refused to move v7 from Staging to Production: fast-enough");
  const asked = record({
    action: AuditAction.REQUEST_ROLLBACK,
    version: 7n,
    decision: decision(Outcome.PENDING),
  });
  expect(recordWords(asked)).toBe("asked to roll Production back to v7");
});

it("tells of checks, aliases and tags from the details", () => {
  const checked = record({
    action: AuditAction.REPORT_CHECK,
    version: 2n,
    details: '{"check":"latency","passed":false}',
  });
  expect(recordWords(checked)).toBe("reported the check latency of v2: failed");
  expect(recordWords(record({ action: AuditAction.SET_ALIAS, details: '{"alias":"champion"}' }))).toBe(
    "removed @champion",
  );
  const tagged = record({ action: AuditAction.UPDATE_MODEL, details: '{"changed_tags":{"team":"a"}}' });
  expect(recordWords(tagged)).toBe("changed the model: tag team");
  const rejected = record({
    action: AuditAction.REJECT_REQUEST,
    version: 2n,
    details: '{"comment":"too slow"}',
  });
  expect(reasonWords(rejected)).toBe("too slow");
});

it("has a word for each action, and says nothing wrong of details that it cannot read", () => {
  const actions = Object.values(AuditAction).filter((action) => typeof action === "number");
  for (const action of actions) expect(recordWords(record({ action })), AuditAction[action]).not.toBe("");
  expect(recordWords(record({ action: AuditAction.UPDATE_VERSION, version: 1n, details: "{" }))).toBe(
    "changed v1",
  );
});

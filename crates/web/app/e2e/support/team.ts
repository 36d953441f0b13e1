import { PrincipalKind } from "../../src/generated/herdbook/access/v1/access_pb.js";
import { Role } from "../../src/generated/herdbook/common/v1/role_pb.js";
import { SubjectKind } from "../../src/generated/herdbook/team/v1/subject_pb.js";
import type { Services, Sweep } from "./seed.ts";

const REPORT = `The sweep of 27 November looked for a learning rate and an optimiser for the fraud detector.

## What came of it

\`adam\` at a rate of **0.01** learns fastest and stays ahead of \`sgd\` from step 60 on:

\`\`\`herdbook
panel: chart
experiment: fraud-detector
filter: params.lr = 0.01
metrics: train/loss, val/loss, val/accuracy
smooth: 0.6
\`\`\`

## The best five

\`\`\`herdbook
panel: runs
experiment: fraud-detector
order: metrics.val/accuracy desc
limit: 5
columns: metrics.val/accuracy, metrics.val/loss.min, params.lr, params.optimizer
\`\`\`

* One run diverged at step 206, with the rate 0.1.
* Next: the same with twice the data.
`;

/** People, tokens, what they said, and a report; ids of the report and the first comment. */
export async function seedTeam(
  { access, comments, reports }: Services,
  sweep: Sweep,
): Promise<{ report: string; comment: string }> {
  const people = { ana: Role.ADMIN, bo: Role.CONTRIBUTOR, cyd: Role.APPROVER, dee: Role.VIEWER };
  for (const [name, role] of Object.entries(people))
    await access.createPrincipal({ name, kind: PrincipalKind.PERSON, role });
  await access.createPrincipal({
    name: "ci-pipeline",
    kind: PrincipalKind.SERVICE,
    role: Role.CONTRIBUTOR,
  });
  await access.createToken({ principal: "ci-pipeline", name: "nightly training" });
  await access.createToken({ principal: "ana", name: "notebook", role: Role.VIEWER });
  const run = { kind: SubjectKind.RUN, name: sweep.runIds[0] ?? "" };
  const said = await comments.createComment({
    subject: run,
    text: "The curve flattens at step 220. @local, is this the one for Production? The *others* are within `0.01`.",
  });
  await comments.createComment({
    subject: run,
    text: "Not yet: see what @ana found with twice the data.\n\n* same seed\n* same split",
  });
  const { report } = await reports.createReport({
    title: "Which learning rate for the fraud detector?",
    text: REPORT,
  });
  const id = report?.id ?? "";
  await reports.updateReport({
    id,
    title: report?.title ?? "",
    text: REPORT,
    expectedRevision: 1n,
    comment: "the best five",
  });
  await reports.createReport({ title: "Drift of payments in October", text: "To be written." });
  return { report: id, comment: said.comment?.id ?? "" };
}

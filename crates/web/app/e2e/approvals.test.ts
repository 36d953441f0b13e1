import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, close, launch } from "./support/browser.ts";
import { askForApprovals, MODEL, seedModel, Team } from "./support/models.ts";

let team: Team;
let browser: Browser;

before(async () => {
  team = await Team.start();
  await seedModel(team.services("ana"), team.registry("ana"), team.registry("eve"));
  await askForApprovals(team.registry("eve"));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await team?.server.remove();
});

const board = `/models/${MODEL}`;
const waiting = (page: Page) => page.getByRole("region", { name: "Waiting for you" });

it("a move is asked for, waits for others, and is done by the last approval", async () => {
  const asking = await team.open(browser, "ana", `${board}?move=4&to=Production`);
  const sheet = asking.page.getByRole("dialog");
  await sheet.getByText("one rule is left").waitFor();
  assert.ok(await sheet.getByRole("button", { name: "Promote to Production" }).isDisabled());
  await sheet.getByLabel(/^Why/).fill("two weeks of shadow traffic");
  await sheet.getByRole("button", { name: "Request approval" }).click();
  await asking.page.getByText("v4 (1.3.0) waits for approval").waitFor();
  await asking.page.getByRole("link", { name: /asked for Production/ }).waitFor();

  const approving = await team.open(browser, "bo", "/models");
  await approving.page.getByTitle("1 move waits for your approval").waitFor();
  await approving.page.getByRole("link", { name: "Approvals" }).click();
  await waiting(approving.page).getByText("two weeks of shadow traffic").waitFor();
  await waiting(approving.page).getByText("What the rules say now").click();
  await waiting(approving.page).getByText("val_accuracy at least 0.92").first().waitFor();
  await assertAccessible(approving.page);
  await waiting(approving.page).getByLabel("Comment on the request for v4").fill("checked the alarms");
  await waiting(approving.page).getByRole("button", { name: "Approve" }).click();
  await waiting(approving.page)
    .getByText(/Nothing waits for you/)
    .waitFor();

  // It moves by itself, before the eyes of who asked.
  await asking.page.getByText("approved by bo").first().waitFor();
  const last = await team.open(browser, "cyd", `${board}?move=4&to=Production`);
  await last.page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  const serving = asking.page.getByRole("region", { name: /^Production, / });
  await serving.getByRole("link", { name: "v4" }).waitFor();
  for (const watched of [asking, approving, last]) await close(watched);
});

it("a request is withdrawn by who asked, and rejected by an approver", async () => {
  const ask = () =>
    team.registry("ana").transitions.transitionVersion({
      model: MODEL,
      version: 5n,
      to: "Production",
      request: true,
    });
  await ask();
  const mine = await team.open(browser, "ana", "/approvals");
  const asked = mine.page.getByRole("region", { name: "Asked for by you" });
  await asked.getByRole("button", { name: "Withdraw" }).click();
  await asked.waitFor({ state: "hidden" });
  await ask();
  const theirs = await team.open(browser, "cyd", "/approvals");
  await waiting(theirs.page)
    .getByLabel(/^Comment/)
    .fill("too slow");
  await waiting(theirs.page).getByRole("button", { name: "Reject" }).click();
  await waiting(theirs.page)
    .getByText(/Nothing waits for you/)
    .waitFor();
  await theirs.page.goto(`${team.server.url}${board}/audit`);
  await theirs.page.getByText("rejected the request for v5").waitFor();
  await theirs.page.getByText("too slow").waitFor();
  await close(mine);
  await close(theirs);
});

it("who may only look is told so, and can press nothing that changes", async () => {
  const { page, ...rest } = await team.open(browser, "dee", board);
  await page.getByText(/You are viewer in .*; this takes the role contributor/).waitFor();
  const promote = page.getByRole("button", { name: /^(Promote|Move) version/ });
  for (const button of await promote.all()) assert.ok(await button.isDisabled());
  assert.equal(await page.locator('[draggable="true"]').count(), 0);
  assert.ok(await page.getByRole("button", { name: "Roll back Production" }).isDisabled());
  await assertAccessible(page);
  await page.goto(`${team.server.url}${board}?move=5&to=Production`);
  await page
    .getByRole("dialog")
    .getByText(/You are viewer in .*; this takes the role contributor/)
    .waitFor();
  await page.goto(`${team.server.url}${board}/policy`);
  await page.getByText("val_accuracy at least 0.92").first().waitFor();
  assert.ok(await page.getByRole("button", { name: "Edit as YAML" }).isDisabled());
  await close({ page, ...rest });
});

it("an admin overrides rules only with a reason, which the audit log keeps", async () => {
  const { page, ...rest } = await team.open(browser, "eve", `${board}?move=5&to=Production`);
  const sheet = page.getByRole("dialog");
  await sheet.getByText("Override as admin").click();
  const override = sheet.getByRole("button", { name: /^Move against/ });
  assert.ok(await override.isDisabled());
  await sheet.getByLabel(/^Reason/).fill("the site is down");
  await override.click();
  await page.getByText(/against the rules; the audit log says why/).waitFor();
  await page.getByText("moved v5 from Staging to Production against the rules").waitFor();
  await page.getByText("the site is down").waitFor();
  await close({ page, ...rest });
});

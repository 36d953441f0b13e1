import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { assertAccessible, close, inkOf, open } from "./support/browser.ts";
import { servicesAt } from "./support/seed.ts";
import { until } from "./support/server.ts";
import { browser, server, services, sweep } from "./support/sweep.ts";

const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

describe("the team", () => {
  it("is added to, changed and reduced by an admin, with a way back", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/team`);
    await row(page, "local (you)").waitFor();
    await page.getByRole("button", { name: "Add a member" }).click();
    await page.getByLabel("name").fill("ana");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    const ana = row(page, "ana");
    await ana.waitFor();
    assert.equal(await ana.getByLabel("Role of ana").inputValue(), "2");
    await assertAccessible(page);
    await ana.getByLabel("Role of ana").selectOption("approver");
    await page.getByText("ana is approver now").waitFor();
    await page.getByRole("button", { name: "Undo" }).first().click();
    await until("it is as before", async () => (await ana.getByLabel("Role of ana").inputValue()) === "2");
    await page.getByRole("button", { name: "Remove local" }).click();
    await page.getByText(/last admin/).waitFor();
    await page.getByRole("button", { name: "Remove ana" }).click();
    await ana.waitFor({ state: "detached" });
    await page.getByText("ana has no access any more").waitFor();
    await page.getByRole("button", { name: "Undo" }).last().click();
    await ana.waitFor();
    await close({ page, ...rest });
  });

  it("makes tokens that are shown once, used, and revoked", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/team`);
    await page.getByRole("button", { name: "Create a token" }).click();
    await page.getByLabel("used by").fill("nightly training");
    await page.getByLabel("may be at most").selectOption("viewer");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const secret = (await page.locator(".secret code").textContent()) ?? "";
    assert.match(secret, /^hbk_[\w-]{43}$/);
    await assertAccessible(page);
    const token = row(page, "nightly training");
    await token.getByText("never").waitFor();
    await token.getByText("in 90 days").waitFor();
    const limited = servicesAt(server.url, secret);
    await limited.experiments.listExperiments({});
    await assert.rejects(limited.experiments.createExperiment({ name: "no" }), /needs the role contributor/);
    await page.reload();
    await token
      .getByText(/ago|just now/)
      .first()
      .waitFor();
    assert.doesNotMatch(await page.content(), new RegExp(secret));
    await token.getByRole("button", { name: /^Revoke nightly/ }).click();
    await page.getByRole("button", { name: "Revoke for good" }).click();
    await token.waitFor({ state: "detached" });
    await assert.rejects(limited.experiments.listExperiments({}), /revoked/);
    await close({ page, ...rest });
  });

  it("makes workspaces, and goes from one to another", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/team`);
    await page.getByRole("button", { name: "Create a workspace" }).click();
    await page.getByLabel("name").fill("Risk ML");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page
      .getByRole("alert")
      .getByText(/lower-case letters/)
      .waitFor();
    await page.getByLabel("name").fill("risk-ml");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("link", { name: "risk-ml" }).click();
    await page.getByText("who may do what in risk-ml").waitFor();
    await page.getByLabel("Workspace", { exact: true }).selectOption("default");
    await row(page, "fraud-detector").waitFor();
    await close({ page, ...rest });
  });
});

describe("comments", () => {
  it("of one tab appear in the other, are edited, and leave a mark", async () => {
    const url = `${server.url}/runs/${sweep.runIds[1]}`;
    const one = await open(browser, url);
    const other = await open(browser, url);
    await one.page.getByText("nobody has said anything yet").waitFor();
    const box = one.page.getByLabel("Say something");
    await box.pressSequentially("Looks *good*, @lo");
    await one.page.getByRole("option", { name: "local" }).waitFor();
    await assertAccessible(one.page);
    await box.press("Enter");
    await box.pressSequentially("<img src=x onerror=\"document.title='comment'\">");
    await box.press("Control+Enter");
    await one.page.getByRole("heading", { name: "Comments (1)" }).waitFor();
    await other.page.getByText(/Looks good, @local/).waitFor();
    assert.notEqual(await other.page.title(), "comment", "what is written runs nothing");
    await one.page
      .getByRole("region", { name: /^Comments/ })
      .getByRole("button", { name: "Edit" })
      .click();
    await one.page.getByLabel("Your comment").fill("Looks bad");
    await one.page.getByRole("button", { name: "Save" }).click();
    await other.page.getByText("Looks bad").waitFor();
    await other.page.getByText(/edited/).waitFor();
    await assertAccessible(other.page);
    await other.page.getByRole("button", { name: "Delete what local said" }).click();
    await other.page.getByRole("button", { name: "Delete for good" }).click();
    await one.page.getByText(/said something and it was deleted/).waitFor();
    await close(one);
    await close(other);
  });
});

describe("activity", () => {
  it("lists what happened, by kind and person, and what mentions me", async () => {
    const comment = await services.comments.createComment({
      subject: { kind: 1, name: sweep.runIds[0] ?? "" },
      text: "@local, is this the one?",
    });
    const { page, ...rest } = await open(browser, `${server.url}/activity`);
    await page.getByText("@local, is this the one?").waitFor();
    await page.getByRole("listitem").filter({ hasText: "had a run fail" }).waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Runs" }).click();
    const finished = page.getByRole("listitem").filter({ hasText: "finished the run" });
    await until("the runs that finished are listed", async () => (await finished.count()) === 10);
    assert.ok(!(await page.content()).includes("is this the one"));
    await page.getByLabel("by").selectOption("local");
    await page.getByText("local has done nothing of this yet").waitFor();
    await page.getByRole("button", { name: "Show everything" }).click();
    await page.getByRole("button", { name: "Mentions of me" }).click();
    await page.getByRole("link", { name: /^run/ }).click();
    await page.locator(`#comment-${comment.comment?.id}`).waitFor();
    await close({ page, ...rest });
  });
});

describe("reports", () => {
  it("are written with live panels, by keys", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/reports`);
    await page.getByText("Nobody has written a report yet").waitFor();
    await assertAccessible(page);
    await page.keyboard.press("n");
    await page.getByLabel("Title").fill("What the sweep found");
    await page
      .getByLabel("Text, in Markdown")
      .fill(
        [
          "# Findings",
          "",
          "```herdbook",
          "panel: chart",
          "experiment: fraud-detector",
          "filter: params.optimizer = 'adam'",
          "metrics: train/loss, val/loss",
          "```",
          "",
          "```herdbook",
          "panel: runs",
          "experiment: fraud-detector",
          "order: metrics.val/accuracy desc",
          "limit: 3",
          "columns: metrics.val/accuracy, params.lr",
          "```",
          "",
          "```herdbook",
          "panel: chart",
          "experiment: fraud-detector",
          "```",
        ].join("\n"),
      );
    const preview = page.getByRole("region", { name: "Preview" });
    await preview.getByText(/say which metrics/).waitFor();
    await preview.getByRole("img", { name: /Chart of loss: adam/ }).waitFor();
    await assertAccessible(page);
    await page.getByLabel("What changed").fill("first findings");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("heading", { name: "What the sweep found" }).waitFor();
    await until("curves are drawn", async () => (await inkOf(page, "loss")) > 300);
    assert.equal(await page.locator(".report-panel tbody tr").count(), 3);
    await row(page, "first findings").waitFor();
    // A run at work goes on in the report.
    await services.runs.logBatch({
      runId: sweep.runIds[11] ?? "",
      metrics: [{ key: "train/loss", value: 0.75, step: 500n }],
    });
    await page.getByRole("img", { name: /adam-lr0.001-seed3 ends at 0\.75/ }).waitFor();
    await assertAccessible(page);
    await page.getByRole("link", { name: "1", exact: true }).click();
    await page.getByText(/This is revision 1/).waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Nobody has written a report yet").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("heading", { name: "What the sweep found" }).waitFor();
    await close({ page, ...rest });
  });

  it("saved by two at once keep both texts", async () => {
    const made = await services.reports.createReport({ title: "Shared", text: "first" });
    const id = made.report?.id ?? "";
    const { page, errors } = await open(browser, `${server.url}/reports/${id}?edit=1`);
    await page.getByLabel("Text, in Markdown").fill("mine");
    await services.reports.updateReport({ id, title: "Shared", text: "theirs", expectedRevision: 1n });
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText(/saved revision 2 while you wrote/).waitFor();
    assert.equal(await page.getByLabel("Yours").inputValue(), "mine");
    assert.equal(await page.getByLabel("Theirs").inputValue(), "theirs");
    await assertAccessible(page);
    // What was typed outlives the page.
    await page.reload();
    await until(
      "the draft is there",
      async () => (await page.getByLabel("Text, in Markdown").inputValue()) === "mine",
    );
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByLabel("Yours").fill("theirs and mine");
    await page.getByRole("button", { name: "Go on with mine" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("article").getByText("theirs and mine").waitFor();
    const saved = await services.reports.getReport({ id });
    assert.deepEqual([saved.report?.text, saved.report?.revision], ["theirs and mine", 3n]);
    await page.context().close();
    assert.deepEqual(errors, []);
  });
});

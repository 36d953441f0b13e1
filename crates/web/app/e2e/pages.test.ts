import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { assertAccessible, close, inkOf, open } from "./support/browser.ts";
import { until } from "./support/server.ts";
import { browser, server, services, sweep } from "./support/sweep.ts";

const experiment = () => `${server.url}/experiments/${sweep.experimentId}`;
const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

describe("experiments", () => {
  it("are listed with their runs, those at work apart", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/experiments`);
    const listed = row(page, "fraud-detector");
    await listed.getByText("12").waitFor();
    await listed.getByText("▶ 1").waitFor();
    await assertAccessible(page);
    await page.getByRole("searchbox").fill("nothing such");
    await page.getByText("No experiment is called").waitFor();
    await page.getByRole("button", { name: /Show all/ }).click();
    await listed.getByRole("link").click();
    await page.getByRole("grid", { name: "Runs" }).waitFor();
    await close({ page, ...rest });
  });
});

describe("the reference", () => {
  it("has every call, and leads from page to page", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/experiments`);
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("link", { name: "All calls of the contract" }).click();
    await page.getByRole("link", { name: "ReportCheck" }).click();
    await page.getByRole("heading", { name: "ReportCheck" }).waitFor();
    assert.equal(new URL(page.url()).hash, "#reportcheck");
    await assertAccessible(page);
    await page.getByRole("link", { name: "Check", exact: true }).first().click();
    assert.equal(new URL(page.url()).hash, "#check");
    await page.goto(`${server.url}/reference/registry/nothing`);
    await page.getByText("The reference has no page registry/nothing").waitFor();
    await close({ page, ...rest });
  });
});

describe("an experiment", () => {
  it("shows runs and their curves side by side", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await row(page, "sgd-lr0.1-seed2").waitFor();
    assert.equal(await page.getByRole("row").count(), 13);
    await page.getByText("10 of 12 in the charts").waitFor();
    await until("curves are drawn", async () => (await inkOf(page, "loss")) > 500);
    await assertAccessible(page);
    await close({ page, ...rest });
  });

  it("is filtered with completion, and says where a filter is wrong", async () => {
    const { page, ...rest } = await open(browser, experiment());
    const box = page.getByRole("combobox", { name: "Filter runs" });
    await page.getByText("12 runs").waitFor();
    await box.pressSequentially("metrics.val");
    await page.getByRole("option", { name: "metrics.val/accuracy" }).click();
    await box.pressSequentially("> 0.9 and params.optimizer = 'adam'");
    await page.getByText(/✓ \d of 12/).waitFor();
    await box.press("Enter");
    await until(
      "only adam is left",
      async () => (await page.getByRole("row").filter({ hasText: "sgd-" }).count()) === 0,
    );
    assert.match(page.url(), /q=metrics\.val/);
    await box.fill("metrics.val/accuracy >> 1");
    await page
      .getByRole("alert")
      .getByText(/at character \d+: expected/)
      .waitFor();
    await page.getByRole("alert").locator("mark").waitFor();
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    assert.ok((await page.getByRole("row").count()) > 1, "the rows of the filter before stay");
    await close({ page, ...rest });
  });

  it("keeps order, columns, grouping and smoothing in the address", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await page
      .getByRole("columnheader", { name: /val\/accuracy/ })
      .getByRole("button")
      .click();
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("searchbox", { name: "Find columns" }).fill("loss.min");
    await page.getByRole("checkbox", { name: "val/loss.min" }).check();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "log y" }).click();
    const names = () => page.locator('[role="row"] .name a').allInnerTexts();
    const best = (await names())[0];
    await page.reload();
    await page.locator('[aria-sort="descending"]').getByText("val/accuracy").waitFor();
    await page.getByRole("columnheader", { name: "val/loss.min" }).waitFor();
    assert.equal((await names())[0], best);
    assert.equal(await page.getByRole("button", { name: "log y" }).getAttribute("aria-pressed"), "true");
    await page.getByLabel("group").selectOption("params.lr");
    const group = page.getByRole("row").filter({ hasText: "lr = 0.01" });
    await group.getByText("±").first().waitFor();
    await until("bands are drawn", async () => (await inkOf(page, "loss")) > 500);
    await assertAccessible(page);
    await group.getByRole("button", { name: /^lr = 0\.01/ }).click();
    await page.getByText("✓ 4 of 12").waitFor();
    await page.goBack();
    await group.waitFor();
    await close({ page, ...rest });
  });

  it("is worked with by keys alone", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await row(page, "adam").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await page.getByText("2 runs").first().waitFor();
    await page.keyboard.press("i");
    await page.getByText("2 of 12 in the charts").waitFor();
    await page.keyboard.press("h");
    await page.getByText("1 of 12 in the charts").waitFor();
    await page.keyboard.press("p");
    await page.getByTitle("pinned to the top").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("pin to the top").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("attributes.status = 'failed'");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await page.getByText("✓ 1 of 12").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/runs\/[0-9a-f]{32}/);
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await close({ page, ...rest });
  });

  it("zooms into what is dragged over, and out again", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await until("curves are drawn", async () => (await inkOf(page, "loss")) > 500);
    const plot = page.getByRole("region", { name: "loss", exact: true }).locator(".u-over");
    const box = await plot.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/zoom=/);
    const [from = 0, to = 0] = new URL(page.url()).searchParams.get("zoom")?.split(":").map(Number) ?? [];
    assert.ok(from > 80 && from < 120 && to > 180 && to < 220, `${from} to ${to}`);
    await page.getByRole("button", { name: "Zoom out" }).click();
    await until("all is shown again", () => !page.url().includes("zoom="));
    await close({ page, ...rest });
  });

  it("deletes with a way back", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await row(page, "sgd-lr0.1-seed0").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("of 11 in the charts").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("1 run restored").waitFor();
    await row(page, "sgd-lr0.1-seed0").waitFor();
    await close({ page, ...rest });
  });

  it("follows a run at work, point by point", async () => {
    const { page, ...rest } = await open(browser, `${experiment()}?panels=live`);
    const { run } = await services.runs.createRun({ experimentId: sweep.experimentId, name: "brand-new" });
    const runId = run?.id ?? "";
    await services.runs.updateRun({ run: { id: runId, status: 2 }, updateMask: { paths: ["status"] } });
    await row(page, "brand-new").waitFor();
    await services.runs.updateRun({ run: { id: runId, status: 4 }, updateMask: { paths: ["status"] } });
    await row(page, "brand-new").getByTitle("failed").waitFor();
    await services.runs.deleteRun({ runId });
    await close({ page, ...rest });
  });
});

describe("a run", () => {
  it("shows its facts, and saves its files as files", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/runs/${sweep.runIds[0]}`);
    await page.getByRole("heading", { name: "sgd-lr0.1-seed0" }).waitFor();
    await page.getByRole("region", { name: "Params" }).getByText("max_steps").waitFor();
    await page.getByRole("region", { name: "Inputs" }).getByText("payments-2026").waitFor();
    await page.getByText("python train.py --lr 0.1", { exact: true }).waitFor();
    await page.getByRole("heading", { name: "First try" }).waitFor();
    assert.match(await page.title(), /^sgd-lr0\.1-seed0/, "what is written in notes can run nothing");
    await page.getByRole("img", { name: /Chart of loss: .* ends at/ }).waitFor();
    await page.getByText("model/").click();
    await page.getByRole("button", { name: "weights v2.bin" }).click();
    await page.getByText("There is no preview of such files").waitFor();
    const saving = page.waitForEvent("download");
    await page.getByRole("link", { name: "Save", exact: true }).click();
    const saved = await saving;
    assert.equal(saved.suggestedFilename(), "weights v2.bin");
    assert.equal(readFileSync(await saved.path(), "utf8"), "not really weights");
    const report = await page.request.get(`${server.url}/files/runs/${sweep.runIds[0]}/report.html`);
    assert.match(report.headers()["content-security-policy"] ?? "", /^sandbox/);
    assert.match(report.headers()["content-disposition"] ?? "", /^attachment/);
    await assertAccessible(page);
    await close({ page, ...rest });
  });

  it("is renamed, and gets its name back", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/runs/${sweep.runIds[1]}`);
    await page.getByRole("button", { name: "adam-lr0.01-seed0" }).click();
    await page.getByRole("textbox", { name: "Name of the run" }).fill("the best so far");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "the best so far" }).waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("heading", { name: "adam-lr0.01-seed0" }).waitFor();
    await close({ page, ...rest });
  });

  it("at work tells how far it is, and draws points as they come", async () => {
    const runId = sweep.runIds[11] ?? "";
    const { page, ...rest } = await open(browser, `${server.url}/runs/${runId}`);
    await page.getByText("41%").waitFor();
    const chart = page.getByRole("img", { name: /Chart of val\/accuracy/ });
    await chart.waitFor();
    await services.runs.logBatch({ runId, metrics: [{ key: "val/accuracy", value: 0.25, step: 999n }] });
    await page.getByRole("img", { name: /val\/accuracy: .* ends at 0\.25/ }).waitFor();
    await close({ page, ...rest });
  });

  it("that is not there is said not to be", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/runs/${"0".repeat(32)}`);
    await page.getByRole("heading", { name: "This run is not here" }).waitFor();
    await assertAccessible(page);
    await close({ page, ...rest });
  });
});

describe("the address", () => {
  it("that MLflow's clients print leads to the run", async () => {
    const { page, ...rest } = await open(
      browser,
      `${server.url}/#/experiments/${sweep.experimentId}/runs/${sweep.runIds[0]}`,
    );
    await page.getByRole("heading", { name: "sgd-lr0.1-seed0" }).waitFor();
    await close({ page, ...rest });
  });

  it("that leads nowhere says so, and hides no other door", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/experiments/none/such`);
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    assert.match(await (await page.request.get(`${server.url}/metrics`)).text(), /^# /m);
    assert.notEqual((await page.request.get(`${server.url}/api/none`)).status(), 200);
    await close({ page, ...rest });
  });

  it("is served with a policy under which no inline script runs", async () => {
    const { page } = await open(browser, `${server.url}/experiments`);
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.head.append(script);
      return "ran" in window;
    });
    assert.equal(ran, false);
    await page.context().close();
  });
});

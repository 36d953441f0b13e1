import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, close, launch, open } from "./support/browser.ts";
import { askForApprovals, MODEL, type Registry, registryAt, seedModel } from "./support/models.ts";
import { servicesAt } from "./support/seed.ts";
import { Server, until } from "./support/server.ts";

let server: Server;
let registry: Registry;
let browser: Browser;

before(async () => {
  server = await Server.start();
  registry = registryAt(server.url);
  await seedModel(servicesAt(server.url), registry, registry);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

const path = (rest = "") => `${server.url}/models/${MODEL}${rest}`;
const column = (page: Page, stage: string) =>
  page.getByRole("region", { name: new RegExp(`^${stage}, `), includeHidden: true });
const card = (page: Page, number: number) => page.locator(`[data-version="${number}"]`);
const sheet = (page: Page) => page.getByRole("dialog", { name: /^(Move version|Roll back)/ });
const rule = (page: Page, asks: string) => sheet(page).locator(".requirement", { hasText: asks });
const stageOf = async (number: number) =>
  (await registry.versions.getVersion({ reference: `${MODEL}/${number}` })).version?.stage;

describe("the list of models", () => {
  it("tells what stands in each stage, and is filtered with completion", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/models`);
    const row = page.getByRole("row").filter({ hasText: MODEL });
    await row.getByText("v3", { exact: true }).waitFor();
    await assertAccessible(page);
    const box = page.getByRole("combobox", { name: "Filter models" });
    await box.pressSequentially("tags.te");
    await page.getByRole("option", { name: "tags.team" }).click();
    await box.pressSequentially("= 'risk-ml'");
    await page.getByText("✓ 1 of 1").waitFor();
    await box.fill("tags.team >> 1");
    await page
      .getByRole("alert")
      .getByText(/at character \d+/)
      .waitFor();
    await box.fill("owner = 'nobody'");
    await box.press("Enter");
    await page.getByText("No model fits the filter").waitFor();
    await page.getByRole("button", { name: /Show all/ }).click();
    await row.getByRole("link").click();
    await page.getByRole("heading", { name: MODEL }).waitFor();
    await close({ page, ...rest });
  });

  it("says on a phone what stands where, and that nothing does", async () => {
    await registry.models.createModel({ name: "without a version" });
    const phone = { viewport: { width: 390, height: 844 } };
    const { page, ...rest } = await open(browser, `${server.url}/models`, phone);
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await row("without a version").getByText("no version", { exact: true }).waitFor();
    await row(MODEL).getByText("v3", { exact: true }).waitFor();
    await assertAccessible(page);
    await close({ page, ...rest });
  });
});

describe("a model", () => {
  it("shows its versions by stage, each against what serves", async () => {
    const { page, ...rest } = await open(browser, path());
    await column(page, "Production").getByRole("link", { name: "v3" }).waitFor();
    await page.getByText("v3 in Production").waitFor();
    const fourth = card(page, 4);
    await fourth.getByText("+0.006").waitFor();
    await fourth.getByText("@challenger").waitFor();
    await fourth.getByRole("img", { name: "passed" }).first().waitFor();
    await card(page, 5).getByRole("img", { name: "failed" }).waitFor();
    await page.getByLabel("second metric").selectOption("val_recall");
    await card(page, 4).getByText("val_recall").waitFor();
    assert.match(page.url(), /metrics=val_accuracy,val_recall/);
    await assertAccessible(page);
    await close({ page, ...rest });
  });

  it("shows the rules with what was found, and does not promote what fails them", async () => {
    const { page, ...rest } = await open(browser, path());
    await card(page, 5).getByRole("button", { name: "Promote version 5" }).click();
    const opened = sheet(page);
    await rule(page, "val_accuracy at least 0.92").waitFor();
    await opened
      .getByText(/0\.912 in run/)
      .first()
      .waitFor();
    await opened
      .getByText(/displaces/)
      .getByText("v3 (1.2.0)")
      .waitFor();
    await opened.getByText("3 rules are left").waitFor();
    assert.ok(await opened.getByRole("button", { name: "Promote to Production" }).isDisabled());
    await opened.getByText("Dry run as JSON").click();
    await opened.getByText(/"outcome": "OUTCOME_WOULD_REFUSE"/).waitFor();
    await assertAccessible(page);
    await page.keyboard.press("Escape");
    await opened.waitFor({ state: "hidden" });
    assert.equal(await stageOf(5), "Staging");
    await close({ page, ...rest });
  });

  it("shows why the server refused, where what it asks came to fail since the dry run", async () => {
    const number = 6;
    const { page, ...rest } = await open(browser, path(`?move=${number}&to=Production`));
    const opened = sheet(page);
    await registry.checks.reportCheck({ model: MODEL, version: 6n, name: "latency", passed: true });
    const promote = opened.getByRole("button", { name: "Promote to Production" });
    await promote.and(page.locator(":enabled")).waitFor();
    // The registry hears of it only when it asks tracking.
    const { version } = await registry.versions.getVersion({ reference: `${MODEL}/${number}` });
    const { runs } = servicesAt(server.url);
    const log = (value: number, step: bigint) =>
      runs.logBatch({ runId: version?.runId ?? "", metrics: [{ key: "val_accuracy", value, step }] });
    await log(0.5, 200n);
    await promote.click();
    const refusal = opened.getByRole("alert");
    await refusal.getByText("TRANSITION_REFUSED").waitFor();
    await refusal.getByText("METRIC_THRESHOLD").waitFor();
    await refusal.getByText(/asks for val_accuracy at least 0\.92, but val_accuracy is 0\.5/).waitFor();
    await log(0.94, 300n);
    await registry.checks.reportCheck({ model: MODEL, version: 6n, name: "latency", passed: false });
    await page.context().close();
    // What was refused is an error in the console of browsers, and nothing else may be one.
    assert.ok(
      rest.errors.every((error) => error.includes("412") || error.includes("400")),
      `${rest.errors}`,
    );
  });

  it("is promoted by dragging a card, which another tab shows at once; and rolled back", async () => {
    const other = await open(browser, path());
    await column(other.page, "Staging").getByRole("link", { name: "v4" }).waitFor();
    const { page, ...rest } = await open(browser, path());
    await card(page, 4).waitFor();
    await card(page, 4).dragTo(column(page, "Production").getByRole("heading"));
    const opened = sheet(page);
    await opened.getByLabel(/^Why/).fill("better, and as fast");
    await opened.getByRole("button", { name: "Promote to Production" }).click();
    await page.getByText("v4 (1.3.0) stands in Production").waitFor();
    await column(page, "Production").getByRole("link", { name: "v4" }).waitFor();
    await column(other.page, "Production").getByRole("link", { name: "v4" }).waitFor();
    await column(other.page, "Archived").getByRole("link", { name: "v3" }).waitFor();

    await page.getByRole("button", { name: "Roll back Production" }).click();
    await opened.getByLabel("Version to go back to").waitFor();
    await opened.getByText(/stood here for/).waitFor();
    await assertAccessible(page);
    await opened.getByRole("button", { name: "Roll back to v3" }).click();
    await page.getByText("Production is back to v3").waitFor();
    await column(other.page, "Production").getByRole("link", { name: "v3" }).waitFor();
    await page.getByText("rolled Production back to v3").first().waitFor();
    await close(other);
    await close({ page, ...rest });
  });

  it("shows each move that was made elsewhere", async () => {
    const { page, ...rest } = await open(browser, path());
    for (const to of ["Staging", "None"]) {
      await column(page, to === "None" ? "Staging" : "None")
        .getByRole("link", { name: "v6" })
        .waitFor();
      await registry.transitions.transitionVersion({ model: MODEL, version: 6n, to });
      await column(page, to).getByRole("link", { name: "v6" }).waitFor();
    }
    await close({ page, ...rest });
  });

  it("is worked with by keys alone", async () => {
    const { page, ...rest } = await open(browser, `${server.url}/experiments`);
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await page.getByRole("grid", { name: "Models" }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await card(page, 4).waitFor();
    const focused = () =>
      page.evaluate(() =>
        document.activeElement?.closest<HTMLElement>("[data-version]")?.getAttribute("data-version"),
      );
    await page.keyboard.press("j");
    assert.equal(await focused(), "6");
    await page.keyboard.press("l");
    assert.equal(await focused(), "5");
    await page.keyboard.press("x");
    await page.keyboard.press("m");
    await rule(page, "val_accuracy at least 0.92").waitFor();
    await page.keyboard.press("Escape");
    await sheet(page).waitFor({ state: "hidden" });
    assert.equal(await focused(), "5", "the focus is where it was");
    await page.keyboard.press("l");
    assert.equal(await focused(), "3");
    await page.keyboard.press("x");
    await page.keyboard.press("b");
    await sheet(page)
      .getByText(/^Production back to/)
      .waitFor();
    await page.keyboard.press("Escape");
    await sheet(page).waitFor({ state: "hidden" });
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("move or promote the version").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("c");
    await page.waitForURL(/compare\?from=3&to=5/);
    await page.getByText("val_accuracy").waitFor();
    await close({ page, ...rest });
  });

  it("keeps what stood in Production when, and that nothing did for a time", async () => {
    const { page, ...rest } = await open(browser, path());
    await page.locator(".bar.present", { hasText: "v3" }).waitFor();
    await page.locator(".bar.gap").first().waitFor();
    await page.getByText("Production, as a list").click();
    await page.getByRole("row").filter({ hasText: "nothing" }).first().waitFor();
    await page
      .getByRole("row")
      .filter({ hasText: "v2 (1.1.0)" })
      .getByRole("link", { name: "why it left" })
      .click();
    await page.locator("tr.here", { hasText: "taken out" }).waitFor();
    await close({ page, ...rest });
  });

  it("has aliases, tags and words that are set, and set back by Undo", async () => {
    const { page, ...rest } = await open(browser, path());
    const aliases = page.getByRole("region", { name: "Aliases" });
    await aliases.getByRole("button", { name: "Set" }).click();
    await aliases.getByLabel("Alias", { exact: true }).fill("shadow");
    await aliases.getByLabel("Version").fill("4");
    await aliases.getByLabel("Version").press("Enter");
    await aliases.getByText("@shadow").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await aliases.getByText("@shadow").waitFor({ state: "hidden" });

    const tags = page.getByRole("region", { name: "Tags" });
    await tags.getByRole("button", { name: "Remove the tag area" }).click();
    await tags.getByText("payments").waitFor({ state: "hidden" });
    await page
      .getByText("The tag area is removed")
      .locator("..")
      .getByRole("button", { name: "Undo" })
      .click();
    await tags.getByText("payments").waitFor();

    const about = page.getByRole("region", { name: "About" });
    await about.getByRole("button", { name: "Edit" }).click();
    await about.getByRole("textbox").fill("# Fraud\n\n<img src=x onerror=alert(1)> <b>scores</b>");
    await about.getByRole("button", { name: "Save" }).click();
    await about.getByRole("heading", { name: "Fraud" }).waitFor();
    assert.equal(await about.locator("img").count(), 0);
    await close({ page, ...rest });
  });

  it("is deleted only by typing its name, and then is gone", async () => {
    await registry.models.createModel({ name: "to be forgotten" });
    const { page, ...rest } = await open(browser, `${server.url}/models/to%20be%20forgotten`);
    await page.getByText("No version is registered yet").waitFor();
    await page.getByText(`--server ${server.url}`).first().waitFor();
    await page.getByText("More", { exact: true }).click();
    await page.getByRole("button", { name: /^Delete the model/ }).click();
    const confirm = page.getByRole("dialog", { name: "Delete to be forgotten" });
    const button = confirm.getByRole("button", { name: /^Delete the model and/ });
    assert.ok(await button.isDisabled());
    await assertAccessible(page);
    await confirm.getByRole("textbox").fill("to be forgotten");
    await button.click();
    await page.getByRole("heading", { name: "Models" }).waitFor();
    await page.goto(`${server.url}/models/to%20be%20forgotten`);
    await page.getByText("The model to be forgotten is not here").waitFor();
    await page.context().close();
    assert.ok(
      rest.errors.every((error) => error.includes("404")),
      `${rest.errors}`,
    );
  });
});

describe("a version", () => {
  it("is told whole: metrics against what serves, checks, files to be saved by their digests", async () => {
    const { page, ...rest } = await open(browser, path("/4"));
    await page.getByRole("heading", { name: `${MODEL} v4` }).waitFor();
    const metrics = page.getByRole("region", { name: "Metrics" });
    await metrics.getByRole("row").filter({ hasText: "val_accuracy" }).getByText("+0.006").waitFor();
    await page.getByRole("link", { name: "p99 38 ms" }).waitFor();
    await page.getByText("better recall").waitFor();
    await page.getByText("Intended use, as of the model").waitFor();
    await page.getByText("[any × 16]").waitFor();
    const lineage = await page.getByRole("link", { name: "Lineage" }).last().getAttribute("href");
    assert.equal(lineage, `/lineage?node=model_version:${MODEL}%404`);
    await page.getByRole("link", { name: /^run / }).waitFor();
    await assertAccessible(page);
    const saving = page.waitForEvent("download");
    await page.getByRole("link", { name: "weights v2.bin" }).click();
    const saved = await saving;
    assert.equal(saved.suggestedFilename(), "weights v2.bin");
    assert.equal(readFileSync((await saved.path()) ?? "", "utf8"), "weights of version 4");
    await close({ page, ...rest });
  });

  it("is compared with another by what differs", async () => {
    const { page, ...rest } = await open(browser, path("/compare?from=3&to=4"));
    await page.getByRole("heading", { name: "v3 (1.2.0) and v4 (1.3.0)" }).waitFor();
    const params = page.getByRole("region", { name: "Params" });
    await params.getByRole("row").filter({ hasText: "lr" }).getByText("0.003").waitFor();
    assert.equal(await params.getByText("optimizer").count(), 0, "only what differs");
    await page.getByRole("region", { name: "Files" }).getByText("1 changed").waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Swap" }).click();
    await page.getByRole("heading", { name: "v4 (1.3.0) and v3 (1.2.0)" }).waitFor();
    await close({ page, ...rest });
  });
});

describe("the audit log", () => {
  it("says what was done, and proves that it is as it was written", async () => {
    const { page, ...rest } = await open(browser, path("/audit"));
    await page.getByText("Nothing was changed, removed or reordered").waitFor();
    await page.getByRole("button", { name: "Sign now" }).click();
    await page.getByText(/signed up to revision/).waitFor();
    const moved = page.getByRole("row").filter({ hasText: "moved v3 from Staging to Production" });
    await moved.getByText("threshold mended").waitFor();
    await moved.getByText("✓ signed").waitFor();
    await moved.getByText("3 of 3 rules held").click();
    await moved.getByText("val_accuracy at least 0.92").waitFor();
    await assertAccessible(page);
    await close({ page, ...rest });
  });
});

describe("a policy", () => {
  it("is read in words, and changed as YAML with what is wrong at its line", async () => {
    const { page, ...rest } = await open(browser, path("/policy"));
    await page.getByText("val_accuracy at least 0.92").first().waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Edit as YAML" }).click();
    const editor = page.getByLabel("The policy, as YAML");
    const text = await editor.inputValue();
    await editor.fill(text.replace("displaced_to: Archived", "displaced_to: Nowhere"));
    await page.getByRole("button", { name: "Save" }).click();
    const line = text.split("\n").findIndex((one) => one.includes("displaced_to: Archived")) + 1;
    await page.getByText(`line ${line}: "Nowhere" is not a stage of this policy`).waitFor();
    await editor.fill(text.replace("exclusive: true", "exclusive: true\n    colour: red"));
    await page.getByText(/line \d+: .*colour/).waitFor();
    assert.ok(await page.getByRole("button", { name: "Save" }).isDisabled());
    await editor.fill(text.replace("threshold: 0.92", "threshold: 0.93"));
    await assertAccessible(page);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("val_accuracy at least 0.93").first().waitFor();
    await editor.waitFor({ state: "hidden" });
    await page.context().close();
    assert.ok(
      rest.errors.every((error) => error.includes("400")),
      `${rest.errors}`,
    );
  });
});

describe("a server that stops", () => {
  it("leaves the board as it was, and what happened meanwhile is there when it is back", async (test) => {
    const own = await Server.start();
    test.after(() => own.remove());
    const its = registryAt(own.url);
    await seedModel(servicesAt(own.url), its, its);
    await askForApprovals(its, 1);
    const { page } = await open(browser, `${own.url}/models/${MODEL}`);
    await column(page, "Staging").getByRole("link", { name: "v4" }).waitFor();
    await own.down();
    await page.getByText(/No connection to Herdbook/).waitFor();
    assert.ok(await card(page, 4).isVisible(), "what is known stays");
    await own.up();
    await registryAt(own.url).transitions.transitionVersion({ model: MODEL, version: 4n, to: "Archived" });
    await until("the board is up to date", () =>
      column(page, "Archived").getByRole("link", { name: "v4" }).isVisible(),
    );
    await page.context().close();
  });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, close, launch, open } from "./support/browser.ts";
import { seedSweep, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

describe("an empty Herdbook", () => {
  it("shows how to log, and the first run live", async (test) => {
    const server = await Server.start();
    test.after(() => server.remove());
    const { page, ...rest } = await open(browser, server.url);
    await page.getByRole("heading", { name: "Log a first run" }).waitFor();
    await page.getByText(new RegExp(`insecure_channel\\("${new URL(server.url).host}"\\)`)).waitFor();
    await assertAccessible(page);
    const { runs } = servicesAt(server.url);
    const runId = (await runs.createRun({ name: "hello" })).run?.id ?? "";
    await runs.updateRun({ run: { id: runId, status: 2 }, updateMask: { paths: ["status"] } });
    await page.getByRole("link", { name: "hello" }).waitFor();
    for (let step = 0; step < 5; step++) {
      await runs.logBatch({ runId, metrics: [{ key: "loss", value: 1 / (step + 1), step: BigInt(step) }] });
    }
    await page.getByRole("img", { name: /hello ends at 0\.2/ }).waitFor();
    await close({ page, ...rest });
  });
});

describe("a page whose code is gone, as after an upgrade", () => {
  it("says so within the frame, and works once it is loaded again", async (test) => {
    const server = await Server.start();
    test.after(() => server.remove());
    const { page } = await open(browser, server.url);
    await page.route("**/assets/TeamPage*", (route) => route.abort());
    await page.goto(`${server.url}/experiments`);
    await page.getByRole("link", { name: "Team" }).click();
    await page.getByRole("heading", { name: "This page failed" }).waitFor();
    await assertAccessible(page);
    await page.unroute("**/assets/TeamPage*");
    await page.getByRole("button", { name: "Load it again" }).click();
    await page.getByRole("heading", { name: "Members" }).waitFor();
    await page.context().close();
  });
});

describe("a Herdbook that asks who calls", () => {
  it("shows nothing before, and everything after, signing in", async (test) => {
    const server = await Server.start("--auth", "required");
    test.after(() => server.remove());
    const token = await server.adminToken();
    const sweep = await seedSweep(servicesAt(server.url, token));
    const { page } = await open(browser, `${server.url}/experiments/${sweep.experimentId}`);
    await page.getByRole("heading", { name: "Sign in to Herdbook" }).waitFor();
    assert.doesNotMatch(await page.content(), /fraud/);
    await assertAccessible(page);
    await page.getByLabel("Token").fill("hbk_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page
      .getByRole("alert")
      .getByText(/not known here/)
      .waitFor();
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("row").filter({ hasText: "sgd-lr0.1-seed0" }).waitFor();
    assert.equal(await page.evaluate(() => document.cookie), "", "no script can read the token");
    await page.reload();
    await page.getByRole("row").filter({ hasText: "sgd-lr0.1-seed0" }).waitFor();
    const file = `${server.url}/files/runs/${sweep.runIds[0]}/report.html`;
    assert.equal((await page.request.get(file)).status(), 200);
    assert.equal((await fetch(file)).status, 401);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Herdbook" }).waitFor();
    await page.context().close();
  });
});

describe("many tabs", () => {
  it("of runs at work do not keep each other waiting", async (test) => {
    const server = await Server.start();
    test.after(() => server.remove());
    const services = servicesAt(server.url);
    const sweep = await seedSweep(services);
    const context = await browser.newContext();
    test.after(() => context.close());
    const pages = [];
    // Browsers have six connections to a server.
    for (let tab = 0; tab < 8; tab++) {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      await page.goto(`${server.url}/runs/${sweep.runIds[11]}`);
      await page.getByRole("heading", { name: "adam-lr0.001-seed3" }).waitFor();
      pages.push(page);
    }
    await services.runs.logBatch({
      runId: sweep.runIds[11] ?? "",
      metrics: [{ key: "val/accuracy", value: 0.25, step: 999n }],
    });
    for (const page of pages)
      await page.getByRole("img", { name: /val\/accuracy: .* ends at 0\.25/ }).waitFor();
  });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, launch, loadedAhead, open } from "./support/browser.ts";
import { lineageAt, seedDescent, seedFamily } from "./support/lineage.ts";
import { type Sweep, seedSweep, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";
import { seedTeam } from "./support/team.ts";

/** Pages that are open at a time when the server stops. */
const TOGETHER = 8;

let server: Server;
let browser: Browser;
let sweep: Sweep;

before(async () => {
  server = await Server.start();
  sweep = await seedSweep(servicesAt(server.url));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

const bar = (page: Page) => page.getByText(/No connection to Herdbook/);
const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

describe("a server that stops", () => {
  it("is told by a bar, and comes back without a reload", async () => {
    const { page } = await open(browser, `${server.url}/experiments/${sweep.experimentId}`);
    await row(page, "sgd-lr0.1-seed0").waitFor();
    await server.down();
    await bar(page).waitFor();
    assert.ok(await row(page, "sgd-lr0.1-seed0").isVisible(), "what is known stays");
    await assertAccessible(page);
    await server.up();
    await bar(page).waitFor({ state: "hidden" });
    await servicesAt(server.url).runs.createRun({
      experimentId: sweep.experimentId,
      name: "after-the-break",
    });
    await row(page, "after-the-break").waitFor();
    await page.context().close();
  });

  it("keeps no page from being gone to, which is there when the server is back", async () => {
    const { page } = await open(browser, `${server.url}/experiments`);
    await row(page, "fraud-detector").waitFor();
    await loadedAhead(page, "TeamPage");
    await server.down();
    await bar(page).waitFor();
    await page.getByRole("link", { name: "Team" }).click();
    await page.getByRole("heading", { name: "Herdbook does not answer" }).first().waitFor();
    await assertAccessible(page);
    await server.up();
    await page.getByRole("heading", { name: "Members" }).waitFor();
    await page.context().close();
  });

  it("takes nothing from any page, and all go on", async () => {
    await seedFamily(server.url);
    const descent = encodeURIComponent(await seedDescent(lineageAt(server.url), 50));
    const talk = await seedTeam(servicesAt(server.url), sweep);
    const compared = sweep.runIds.slice(0, 8).join(",");
    const pages: [path: string, shown: string][] = [
      ["/experiments", ".experiments tbody tr"],
      [`/experiments/${sweep.experimentId}`, '.chart[aria-label*="ends at"]'],
      [`/runs/${sweep.runIds[0]}`, '.chart[aria-label*="ends at"]'],
      [`/compare?experiment=${sweep.experimentId}&runs=${compared}`, ".importance"],
      ["/models", ".model-row .stage:visible"],
      ["/models/fraud-detector", ".bar.present"],
      ["/models/fraud-detector/2", ".files a"],
      ["/models/fraud-detector/compare?from=1&to=2", ".part table"],
      ["/models/fraud-detector/policy", "h1"],
      ["/models/fraud-detector/audit", ".verification .good"],
      ["/approvals", ".part"],
      [`/lineage?node=${descent}&ways=back`, ".picture-frame g[aria-label]"],
      ["/lineage/impact?tag=pii", ".picture-frame g[aria-label]"],
      ["/reports", ".reports tbody tr"],
      [`/reports/${talk.report}`, '.chart[aria-label*="ends at"]'],
      ["/activity", ".feed li"],
      ["/team", ".tokens tbody tr"],
    ];
    for (let first = 0; first < pages.length; first += TOGETHER) {
      const together = [];
      for (const [path, shown] of pages.slice(first, first + TOGETHER)) {
        const { page } = await open(browser, server.url + path);
        const content = page.locator(shown).first();
        await content.waitFor();
        await page.evaluate(() => document.body.setAttribute("data-same", ""));
        together.push({ path, page, content });
      }
      await server.down();
      for (const { path, page, content } of together) {
        await page.bringToFront();
        await bar(page).waitFor();
        assert.ok(await content.isVisible(), `${path}: what is known stays`);
      }
      await server.up();
      for (const { path, page, content } of together) {
        await bar(page).waitFor({ state: "hidden" });
        await content.waitFor();
        assert.ok(await page.locator("body[data-same]").count(), `${path}: without a reload`);
        assert.equal(await page.locator(".notice").count(), 0, `${path}: without a trace`);
        await page.context().close();
      }
    }
  });
});

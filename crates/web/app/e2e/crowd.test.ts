import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, close, launch, open, screenshot } from "./support/browser.ts";
import { crowdOfModels, registryAt } from "./support/models.ts";
import { seedCrowd, servicesAt } from "./support/seed.ts";
import { Server, until } from "./support/server.ts";

/** Runs of a crowd. A debug build takes minutes to create as many as issues have: `npm run measure` does. */
const RUNS = Number(process.env["RUNS"] ?? 2500);

/** More models than are read at a time, and than are read again with every change. */
const MODELS = Number(process.env["MODELS"] ?? 1200);

let server: Server;
let browser: Browser;
let crowd: bigint;

before(async () => {
  server = await Server.start();
  crowd = await seedCrowd(servicesAt(server.url), RUNS);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

it("a crowd of runs is scrolled through, of which only those that are seen are rows", async () => {
  const watched = await open(browser, `${server.url}/experiments/${crowd}`);
  const { page } = watched;
  await page.getByText(`of ${RUNS.toLocaleString("en-GB")} in the charts`).waitFor();
  assert.equal(await page.getByRole("grid").getAttribute("aria-rowcount"), `${RUNS + 1}`);
  await page.getByRole("grid").evaluate((table) => table.scrollTo(0, table.scrollHeight));
  await page.locator(`#row-${RUNS - 1} a`).waitFor();
  assert.ok((await page.getByRole("row").count()) < 100);
  await page
    .getByRole("columnheader", { name: /val\/accuracy/ })
    .getByRole("button")
    .click();
  await page.getByRole("grid").evaluate((table) => table.scrollTo(0, 0));
  const values = () => page.locator('.body .run-row [data-label="val/accuracy"]').allInnerTexts();
  await until("the best come first", async () => {
    const [first = 0, second = 0] = (await values()).map(Number);
    return first > 0.95 && first >= second;
  });
  await assertAccessible(page);
  await screenshot(page, "crowd-1280-light");
  await close(watched);
});

it("a crowd of models is scrolled through to its end, and a change finds its row", async () => {
  const registry = registryAt(server.url);
  await crowdOfModels(registry, MODELS);
  const watched = await open(browser, `${server.url}/models?sort=name asc`);
  const { page } = watched;
  await page.getByText(`${MODELS.toLocaleString("en-GB")} models`).waitFor();
  const table = page.getByRole("grid", { name: "Models" });
  assert.equal(await table.getAttribute("aria-rowcount"), `${MODELS + 1}`);
  await table.evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
  const last = page.locator(`#model-${MODELS - 1}`);
  await last.getByRole("link", { name: `crowd-${MODELS - 1}` }).waitFor();
  assert.ok((await page.getByRole("row").count()) < 100);
  await registry.models.updateModel({
    model: { name: `crowd-${MODELS - 1}`, tags: { seen: "now" } },
    updateMask: { paths: ["tags.seen"] },
  });
  await last.getByText("seen: now").waitFor();
  await close(watched);
});

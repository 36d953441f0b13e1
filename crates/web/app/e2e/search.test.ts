import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, close, launch, open } from "./support/browser.ts";
import { seedFamily } from "./support/lineage.ts";
import { servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";

let server: Server;
let browser: Browser;

before(async () => {
  server = await Server.start();
  await seedFamily(server.url);
  await servicesAt(server.url).experiments.createExperiment({ name: "fraud'_100%" });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

describe("the search", () => {
  it("finds anything by keys alone, from anywhere", async () => {
    const watched = await open(browser, `${server.url}/experiments`);
    const { page } = watched;
    await page.getByRole("searchbox", { name: "Find an experiment by name" }).focus();
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: /^Find/ });
    await box.pressSequentially("fraud");
    for (const [group, title] of [
      ["Experiments", "fraud'_100%"],
      ["Runs", "fraud-detector-1"],
      ["Models", "fraud-triage"],
      ["Versions", "fraud-detector/2"],
    ] as const) {
      await page.getByRole("group", { name: group }).getByRole("option", { name: title }).first().waitFor();
    }
    await assertAccessible(page);
    await box.fill("payments_cl");
    await page
      .getByRole("group", { name: "Lineage" })
      .getByRole("option", { name: /payments_clean/ })
      .waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "What came of payments_clean?" }).waitFor();
    await close(watched);
  });

  it("takes what people write for a version, and a text as it is", async () => {
    const watched = await open(browser, `${server.url}/experiments`);
    const { page } = watched;
    const box = page.getByRole("combobox", { name: /^Find/ });
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await page.keyboard.press("Control+k");
    await box.pressSequentially("fraud production");
    await page.getByRole("option", { name: /fraud-detector\/2/ }).waitFor();
    await box.fill("fraud'_100%");
    await page.getByRole("group", { name: "Experiments" }).getByRole("option").first().waitFor();
    await box.fill("nothing such");
    await page.getByText("Nothing is called “nothing such”").waitFor();
    await page.keyboard.press("Escape");
    await box.waitFor({ state: "hidden" });
    await close(watched);
  });

  it("begins with where one was, and does what keys do", async () => {
    const watched = await open(browser, `${server.url}/lineage?node=dataset:payments_raw`);
    const { page } = watched;
    await page.getByRole("heading", { name: "What came of payments_raw?" }).waitFor();
    await page.goto(`${server.url}/experiments`);
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await page.getByRole("button", { name: /^Search/ }).click();
    await page
      .getByRole("group", { name: "Recent" })
      .getByRole("option", { name: /payments_raw/ })
      .waitFor();
    await page.getByRole("combobox", { name: /^Find/ }).fill("go to lineage");
    await page.getByRole("option", { name: /go to Lineage/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Lineage", exact: true }).waitFor();
    await close(watched);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertAccessible, close, inkOf, onPaper, open, savedBy } from "./support/browser.ts";
import { seedWide } from "./support/seed.ts";
import { until } from "./support/server.ts";
import { browser, server, services, sweep } from "./support/sweep.ts";

const experiment = () => `${server.url}/experiments/${sweep.experimentId}`;
const compared = (ids: readonly string[]) =>
  `${server.url}/compare?experiment=${sweep.experimentId}&runs=${ids.join(",")}`;

describe("a comparison", () => {
  it("is one key away from the rows that are selected", async () => {
    const { page, ...rest } = await open(browser, experiment());
    await page.getByRole("row").filter({ hasText: "adam" }).first().waitFor();
    for (const key of ["j", "x", "j", "x", "c"]) await page.keyboard.press(key);
    await page.getByRole("heading", { name: "2 runs compared" }).waitFor();
    assert.match(page.url(), /\/compare\?experiment=\d+&runs=[0-9a-f]{32},[0-9a-f]{32}/);
    await page.keyboard.press("b");
    await page.getByRole("grid", { name: "Runs" }).waitFor();
    await close({ page, ...rest });
  });

  it("shows only what differs, the best run first, until it is asked for all", async () => {
    const { page, ...rest } = await open(browser, compared(sweep.runIds.slice(0, 4)));
    const table = page.getByRole("table", { name: "What the runs have" });
    await table.getByRole("rowheader", { name: "lr", exact: true }).first().waitFor();
    await page.getByText("Best by val/accuracy:").waitFor();
    assert.equal(await table.getByRole("rowheader", { name: "max_steps" }).count(), 0);
    await table.getByRole("rowheader", { name: "commit" }).waitFor();
    await page.keyboard.press("d");
    await table.getByRole("rowheader", { name: "max_steps" }).waitFor();
    assert.match(page.url(), /show=all/);
    await assertAccessible(page);
    await close({ page, ...rest });
  });

  it("draws curves, parallel coordinates and a scatter of the same runs in the same colours", async () => {
    const { page, ...rest } = await open(browser, compared(sweep.runIds));
    const lines = page.getByRole("img", { name: /^Parallel coordinates of 12 runs over/ });
    await lines.waitFor();
    assert.equal(await lines.locator(".parallel-lines path").count(), 12);
    await page.getByRole("img", { name: /val\/accuracy over lr, 12 runs/ }).waitFor();
    await page
      .getByRole("region", { name: "What matters for val/accuracy" })
      .getByText(/From 12 runs/)
      .waitFor();
    await page.getByRole("region", { name: "Best of each group" }).getByRole("row").nth(2).waitFor();
    await page.getByRole("region", { name: "loss", exact: true }).scrollIntoViewIfNeeded();
    await until("curves are drawn", async () => (await inkOf(page, "loss")) > 500);
    await close({ page, ...rest });
  });

  it("has no empty charts on paper", async () => {
    const { page, ...rest } = await open(browser, compared(sweep.runIds));
    await page.getByRole("img", { name: /^Parallel coordinates of 12 runs over/ }).waitFor();
    await onPaper(page);
    await until("each chart on paper has lines", () =>
      page
        .locator(".panel")
        .evaluateAll((panels) =>
          panels
            .filter((panel) => getComputedStyle(panel).display !== "none")
            .every((panel) => panel.querySelector(".paper path[fill='none']")),
        ),
    );
    await close({ page, ...rest });
  });

  it("keeps what is brushed, and other axes, in the address", async () => {
    const { page, ...rest } = await open(browser, compared(sweep.runIds));
    const grip = page.locator(".axis-grip").last();
    await grip.scrollIntoViewIfNeeded();
    await page.locator(".parallel-lines path").nth(11).waitFor();
    const box = await grip.boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + 12, box.y + 6);
    await page.mouse.down();
    await page.mouse.move(box.x + 12, box.y + box.height / 3, { steps: 4 });
    await page.mouse.up();
    const told = page.getByText(/\d+ of 12 runs pass/);
    await told.waitFor();
    const before = await told.textContent();
    await page.reload();
    assert.equal(await told.textContent(), before);
    const pick = page.getByRole("region", { name: "Scatter" }).getByLabel("colour");
    await pick.fill("params.optimizer");
    await pick.press("Enter");
    await page.waitForURL(/sc=params\.optimizer/);
    await page.getByRole("region", { name: "Scatter" }).getByText("adam", { exact: true }).waitFor();
    await close({ page, ...rest });
  });

  it("is saved: what differs, each picture, and what it is drawn from", async () => {
    const { page, ...rest } = await open(browser, compared(sweep.runIds));
    await page.locator(".importance").waitFor();
    const saved = async (title: string, form: string) => {
      await page.getByLabel(`What to do with ${title}`, { exact: true }).click();
      const press = () => page.getByRole("button", { name: `Save as ${form}` }).click();
      return (await savedBy(page, press)).text;
    };
    const differences = await saved("the differences", "CSV");
    assert.match(differences, /^field,[^\n]*\r\nattributes\.run_id,[0-9a-f]{32},/);
    for (const field of ["metrics.val/accuracy", "params.lr", "Code: commit"])
      assert.match(differences, new RegExp(`\n${field},\\S`), field);
    for (const title of ["Parallel coordinates", "Scatter", "What matters for val/accuracy"]) {
      const picture = await saved(title, "SVG");
      assert.ok(picture.startsWith("<svg xmlns") && picture.includes(title), title);
      assert.doesNotMatch(picture, /var\(|oklab|class=/, "a file knows no style of the page");
      assert.match(await saved(title, "PNG"), /^.PNG/);
      assert.ok((await saved(title, "CSV")).split("\r\n").length > 2, title);
    }
    const best = await saved("Best of each group", "CSV");
    assert.match(best, /^params\.lr,best_run,name,metrics\.val\/accuracy,mean,deviation,runs\r\n/);
    await close({ page, ...rest });
  });

  it("says what is missing, and what to do", async () => {
    const none = await open(browser, `${server.url}/compare`);
    await none.page.getByRole("heading", { name: "No runs to compare" }).waitFor();
    await assertAccessible(none.page);
    await close(none);
    const gone = await open(browser, compared(["0".repeat(32)]));
    await gone.page.getByRole("heading", { name: "None of these runs is here" }).waitFor();
    await close(gone);
  });

  it("of a hundred runs with thousands of metrics is scrolled through", async () => {
    const wide = await seedWide(services, 100, 2000);
    const { page, ...rest } = await open(browser, `${server.url}/compare?experiment=${wide}`);
    await page.getByRole("heading", { name: "100 runs compared" }).waitFor();
    const table = page.getByRole("table", { name: "What the runs have" });
    await table.getByRole("rowheader", { name: "layer/0000" }).waitFor();
    await until("all metrics are in the table", async () => {
      return Number(await table.getAttribute("aria-rowcount")) > 2000;
    });
    const scroller = page.getByRole("region", { name: "Differences" });
    await scroller.evaluate((place) => place.scrollTo(place.scrollWidth, place.scrollHeight / 2));
    await until("cells far down are read", async () => {
      const cells = await table.getByRole("cell").allInnerTexts();
      return cells.length > 50 && cells.every((text) => /\d/.test(text));
    });
    assert.ok((await page.getByRole("cell").count()) < 2000);
    await close({ page, ...rest });
  });
});

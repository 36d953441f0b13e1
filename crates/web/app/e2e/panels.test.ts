import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { assertAccessible, close, open, savedBy } from "./support/browser.ts";
import { seedWide } from "./support/seed.ts";
import { until } from "./support/server.ts";
import { browser, server, services, sweep } from "./support/sweep.ts";

const experiment = () => `${server.url}/experiments/${sweep.experimentId}`;
const run = (query = "") => `${server.url}/runs/${sweep.runIds[0]}${query}`;
const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

describe("values besides metrics", () => {
  it("are shown step by step, the same step in all of them", async () => {
    const { page, ...rest } = await open(browser, run());
    const text = page.getByRole("region", { name: "sample", exact: true });
    await text.scrollIntoViewIfNeeded();
    await text.getByText("what it wrote at 300").waitFor();
    await text.getByRole("slider").fill("0");
    await text.getByText("what it wrote at 100").waitFor();
    assert.match(page.url(), /at=100/);
    const picture = page.getByRole("img", { name: "worst at 100" });
    await picture.scrollIntoViewIfNeeded();
    await until("the picture is drawn", () =>
      picture.evaluate((image) => (image as HTMLImageElement).naturalWidth === 2),
    );
    await page
      .getByRole("img", { name: /^Histogram of/ })
      .first()
      .scrollIntoViewIfNeeded();
    await page
      .getByRole("region", { name: "predictions", exact: true })
      .getByRole("cell", { name: "100" })
      .waitFor();
    await page.locator("audio").first().waitFor();
    await assertAccessible(page);
    await close({ page, ...rest });
  });

  it("of several runs stand beside each other", async () => {
    const ids = sweep.runIds.slice(0, 2).join(",");
    const { page, ...rest } = await open(browser, `${experiment()}?top=0&show=${ids}&panels=loss`);
    const text = page.getByRole("region", { name: "sample", exact: true });
    await text.scrollIntoViewIfNeeded();
    await until("both are shown", async () => (await text.getByText("what it wrote at 300").count()) === 2);
    await close({ page, ...rest });
  });
});

describe("what is saved", () => {
  const menu = (page: Page, title: string) => page.getByLabel(`What to do with ${title}`, { exact: true });
  const saved = async (page: Page, title: string, form: string) => {
    await menu(page, title).click();
    return savedBy(page, () => page.getByRole("button", { name: `Save as ${form}` }).click());
  };

  it("of values is a picture of the histograms, and their tables", async () => {
    const { page, ...rest } = await open(browser, run());
    const weights = page.getByRole("region", { name: "weights", exact: true });
    await weights.scrollIntoViewIfNeeded();
    await page
      .getByRole("img", { name: /^Histogram of/ })
      .first()
      .waitFor();
    const picture = await saved(page, "weights", "SVG");
    assert.match(picture.text, /^<svg xmlns[\s\S]*sgd-lr0\.1-seed0/);
    const counts = await saved(page, "weights", "CSV");
    assert.match(counts.text, /^run,name,step,index,from,to,count\r\n[0-9a-f]{32},sgd-lr0\.1-seed0,300,0,/);
    const table = await saved(page, "predictions", "CSV");
    assert.match(table.text, /^run,name,step,index,truth,guess\r\n.*,fraud,fraud\r\n/);
    const image = await (async () => {
      await menu(page, "worst").click();
      return savedBy(page, () => page.getByRole("button", { name: "Save files" }).click());
    })();
    assert.match(image.text, /^.PNG/);
    await close({ page, ...rest });
  });

  it("of a chart has the strokes that are drawn, of more runs than there are hues too", async () => {
    const { page, ...rest } = await open(browser, `${experiment()}?top=50`);
    await page.locator('.panel[aria-label="loss"] .chart[aria-label*="ends at"]').waitFor();
    const { text } = await saved(page, "loss", "SVG");
    const strokes = [...text.matchAll(/d="M16 \d+h28" (stroke="[^"]+" stroke-width="2"[^/]*)/g)].map(
      ([, one]) => one,
    );
    assert.ok(strokes.length > 20, `${strokes.length} strokes`);
    assert.equal(new Set(strokes).size, strokes.length, "each is another");
    const png = await saved(page, "loss", "PNG");
    assert.match(png.text, /^.PNG/);
    const { text: rows } = await saved(page, "loss", "CSV");
    assert.match(rows, /^run,name,metric,x,value,min,max,points,smoothed\r\n/);
    await close({ page, ...rest });
  });

  it("of groups is their statistics", async () => {
    const { page, ...rest } = await open(browser, `${experiment()}?group=params.lr&cols=metrics.val/loss`);
    await page.getByRole("rowheader", { name: /lr = 0\.1/ }).waitFor();
    const { text } = await saved(page, "the groups", "CSV");
    assert.match(text, /^group,runs,metrics\.val\/loss mean,.*\r\nlr = 0\.\d+,4,0\.\d+/);
    await close({ page, ...rest });
  });
});

describe("an experiment", () => {
  it("is talked about below its charts, which activity leads to", async () => {
    const { page, ...rest } = await open(browser, experiment());
    const talk = page.getByRole("region", { name: /^Comments/ });
    await talk.getByRole("combobox", { name: "Say something" }).fill("is this the sweep of April?");
    await talk.getByRole("button", { name: "Comment", exact: true }).click();
    await talk.getByText("is this the sweep of April?").waitFor();
    await page.goto(`${server.url}/activity?kind=talk`);
    await page.getByText("is this the sweep of April?").waitFor();
    await page.getByRole("link", { name: `experiment ${sweep.experimentId}` }).click();
    await talk.locator("li.marked", { hasText: "is this the sweep of April?" }).waitFor();
    await close({ page, ...rest });
  });
});

describe("a file", () => {
  const shown = (path: string) => run(`?file=${encodeURIComponent(path)}`);
  const preview = (page: Page, path: string) => page.getByRole("region", { name: `Preview of ${path}` });

  it("is shown as what it is", async () => {
    const seen: [string, (place: ReturnType<typeof preview>) => Promise<unknown>][] = [
      ["predictions.csv", (place) => place.getByRole("cell", { name: "a, b" }).waitFor()],
      ["config.json", (place) => place.getByText('"name": "sgd"').waitFor()],
      ["look.ipynb", (place) => place.getByRole("heading", { name: "Look at the data" }).waitFor()],
      ["changes.diff", (place) => place.locator(".good", { hasText: "lr = 0.2" }).waitFor()],
      ["model/MLmodel", (place) => place.getByText("mlflow.sklearn").waitFor()],
      ["model/layers.safetensors", (place) => place.getByRole("cell", { name: "2 × 3" }).waitFor()],
      ["plot.png", (place) => place.getByRole("img", { name: "plot.png" }).waitFor()],
    ];
    for (const [path, isShown] of seen) {
      const { page, ...rest } = await open(browser, shown(path));
      await isShown(preview(page, path));
      if (path === "predictions.csv") await assertAccessible(page);
      await close({ page, ...rest });
    }
  });

  it("that is a page, or a picture with scripts, runs nothing", async () => {
    for (const path of ["report.html", "plot.svg"]) {
      const { page, errors } = await open(browser, shown(path));
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      const frame = page.frameLocator(`iframe[title="${path}"]`);
      await frame.locator("h1, circle").waitFor({ state: "attached" });
      assert.match(await page.title(), /^sgd-lr0\.1-seed0/);
      assert.deepEqual(
        asked.filter((address) => address.endsWith("/session")),
        [],
      );
      assert.ok(errors.length > 0, "the browser says that it blocked the scripts");
      assert.ok(
        errors.every((error) => /sandbox|Content.Security.Policy/i.test(error)),
        errors.join("\n"),
      );
      // Opened by itself, it has no origin either.
      await page.goto(`${server.url}/files/runs/${sweep.runIds[0]}/${path}?show=1`);
      assert.notEqual(await page.title(), "taken");
      assert.equal(await page.evaluate(() => window.origin), "null");
      await page.context().close();
    }
    const pickle = await fetch(`${server.url}/files/runs/${sweep.runIds[0]}/model/weights%20v2.bin?show=1`);
    assert.match(pickle.headers.get("content-disposition") ?? "", /^attachment/);
  });

  it("says how to run the run again", async () => {
    const { page, ...rest } = await open(browser, run());
    const part = page.getByRole("region", { name: "Reproduce" });
    await part.getByText("git clone https://git.example.com/risk/fraud.git").waitFor();
    await part.getByRole("button", { name: "copy all" }).waitFor();
    await close({ page, ...rest });
  });
});

describe("runs", () => {
  it("are tagged together, with a way back", async () => {
    const { page, ...rest } = await open(browser, `${experiment()}?cols=tags.team`);
    await row(page, "sgd-lr0.1-seed0").getByRole("checkbox").check();
    await row(page, "adam-lr0.01-seed0").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Tag", exact: true }).click();
    await page.getByLabel("Key of the tag").fill("team");
    await page.getByLabel("Value of the tag").fill("research");
    await page.keyboard.press("Enter");
    await row(page, "sgd-lr0.1-seed0").getByText("research").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await row(page, "sgd-lr0.1-seed0").getByText("risk-ml").waitFor();
    await close({ page, ...rest });
  });

  it("that were deleted long ago are restored", async () => {
    const runId = sweep.runIds[4] ?? "";
    await services.runs.deleteRun({ runId });
    const { page, ...rest } = await open(browser, experiment());
    await page.getByText("of 11 in the charts").waitFor();
    await page.getByRole("button", { name: "Deleted" }).click();
    await page.getByText("of 1 in the charts").waitFor();
    await page.getByRole("row").nth(1).getByRole("checkbox").check();
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByRole("heading", { name: "No deleted runs" }).waitFor();
    await page.getByRole("button", { name: "Show the runs in use" }).click();
    await page.getByText("of 12 in the charts").waitFor();
    await close({ page, ...rest });
  });

  it("appear, change and go in the table without a reload", async () => {
    const { page, ...rest } = await open(browser, `${experiment()}?cols=metrics.val/loss`);
    await row(page, "sgd-lr0.1-seed0").waitFor();
    const created = await services.runs.createRun({ experimentId: sweep.experimentId, name: "just-now" });
    const runId = created.run?.id ?? "";
    await row(page, "just-now").waitFor();
    await services.runs.logBatch({ runId, metrics: [{ key: "val/loss", value: 0.125, step: 1n }] });
    await row(page, "just-now").getByText("0.125").waitFor();
    await services.runs.deleteRun({ runId });
    await row(page, "just-now").waitFor({ state: "detached" });
    await close({ page, ...rest });
  });
});

describe("a view", () => {
  it("is kept with the experiment, for everybody, and forgotten with a way back", async () => {
    const first = await open(browser, `${experiment()}?q=${encodeURIComponent("params.optimizer = 'adam'")}`);
    await first.page.getByText("✓ 6 of 12").waitFor();
    await first.page.getByText("View", { exact: true }).click();
    await first.page.getByLabel("Name of the view").fill("only adam");
    await first.page.keyboard.press("Enter");
    await first.page.getByText("View: only adam").waitFor();
    // Another person, on another machine.
    const second = await open(browser, experiment());
    await second.page.getByText("View", { exact: true }).click();
    await second.page.getByRole("button", { name: "only adam", exact: true }).click();
    await second.page.getByText("✓ 6 of 12").waitFor();
    assert.match(second.page.url(), /q=params\.optimizer/);
    await close(second);
    await first.page.getByText("View: only adam").click();
    await first.page.getByRole("button", { name: "Forget the view only adam" }).click();
    const gone = first.page.locator(".toast", { hasText: "is gone" });
    await gone.getByRole("button", { name: "Undo" }).click();
    await first.page.getByText("View: only adam").waitFor();
    await close(first);
  });
});

describe("charts", () => {
  it("of thousands of metrics are made as they are asked for", async () => {
    const experimentId = await seedWide(services, 1, 3000);
    const { runs } = await services.runs.searchRuns({ experimentIds: [experimentId] });
    const { page, ...rest } = await open(browser, `${server.url}/runs/${runs[0]?.id}`);
    await page.getByText("layer 3,000").waitFor();
    assert.equal(await page.locator(".panel").count(), 60);
    await page.getByRole("button", { name: "60 more of 3,000" }).click();
    await until("more are there", async () => (await page.locator(".panel").count()) === 120);
    await page.getByRole("searchbox", { name: "Find charts" }).fill("layer/2999");
    await page.getByRole("region", { name: "layer/2999", exact: true }).waitFor();
    assert.equal(await page.locator(".panel").count(), 1);
    await close({ page, ...rest });
  });

  it("are asked for before what stands below them", async () => {
    const { page, ...rest } = await open(browser, experiment());
    const asked = () =>
      page.evaluate(() =>
        performance.getEntriesByType("resource").map(({ name }) => name.split("/").at(-1) ?? ""),
      );
    await until("what stands below is there", async () => (await asked()).includes("ListComments"));
    const calls = await asked();
    assert.ok(calls.indexOf("GetCurves") >= 0, calls.join());
    assert.ok(calls.indexOf("GetCurves") < calls.indexOf("ListComments"), calls.join());
    await close({ page, ...rest });
  });

  it("are combined by a pattern, which is in the address", async () => {
    const { page, ...rest } = await open(
      browser,
      `${experiment()}?combine=${encodeURIComponent("^(val|train)/")}`,
    );
    await page.getByRole("region", { name: "val", exact: true }).waitFor();
    await page.getByRole("searchbox", { name: "Combine charts by a pattern" }).fill("");
    await page.getByRole("region", { name: "loss", exact: true }).waitFor();
    await until("the address forgets it", () => !page.url().includes("combine"));
    await close({ page, ...rest });
  });
});

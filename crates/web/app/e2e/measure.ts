// Measures what a person waits for, and prints it: `npm run measure`. Of a Herdbook of its own with the binary in
// HERDBOOK_TEST_BINARY (take a release build), or of the one at HERDBOOK_URL, to which it logs what it needs.
import { performance } from "node:perf_hooks";
import type { Browser } from "playwright-core";
import { launch } from "./support/browser.ts";
import { lineageAt, seedDescent } from "./support/lineage.ts";
import { registryAt } from "./support/models.ts";
import { seedCrowd, seedLong, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";

const RUNS = Number(process.env["RUNS"] ?? 50_000);
const LONG_RUNS = 10;
const POINTS = Number(process.env["POINTS"] ?? 1_000_000);
const NODES = Number(process.env["NODES"] ?? 2000);
const TRIES = 5;

const given = process.env["HERDBOOK_URL"];
const server = given ? undefined : await Server.start();
const url = given ?? server?.url ?? "";
const grpc = process.env["HERDBOOK_GRPC_URL"] ?? url;
const services = servicesAt(grpc);
const tag = Date.now().toString(36);

const seeding = performance.now();
// First, so that its points are as those of an hour ago when they are drawn.
const { experiment } = await services.experiments.createExperiment({ name: `long-${tag}` });
const long = experiment?.id ?? 0n;
for (let run = 0; run < LONG_RUNS; run++) await seedLong(services, long, `long-${run}`, ["loss"], POINTS);
const crowd = await seedCrowd(services, RUNS, `crowd-${tag}`);
console.log(
  `seeded ${RUNS} runs and ${LONG_RUNS} x ${POINTS} points in ${seconds(performance.now() - seeding)}`,
);

const browser = await launch();
tell(
  "first load to the list of experiments",
  await median((b) => timed(b, "/experiments", ".experiments tbody tr")),
);
console.log(`first load: ${await transferred(browser, `/experiments/${crowd}`)} of script and style, packed`);
tell(
  `table of ${RUNS} runs, first rows`,
  await median((b) => timed(b, `/experiments/${crowd}?top=0`, ".body .run-row a")),
);
tell("  … and its last row, by the scroll bar", await scrolled(browser));
tell("  … a frame while it is scrolled, 95 of 100", await frames(browser));
tell(
  "  … ordered by a metric, first rows",
  await median((b) => timed(b, `/experiments/${crowd}?top=0&sort=metrics.val/loss`, ".body .run-row a")),
);
tell(
  "comparison of its best 500, to the differences",
  await median((b) => timed(b, `/compare?experiment=${crowd}`, ".diff-cell.number")),
);
tell(
  `chart of ${LONG_RUNS} x ${POINTS} points, from the address`,
  await median((b) => timed(b, `/experiments/${long}`, '.chart[aria-label*="ends at"]')),
);
tell("  … zoomed into a tenth", await zoomed(browser));
tell("a point logged, until it is drawn", await live(browser));
tell("a version moved elsewhere, until the board shows it", await moved(browser));
await pedigree(browser);
await browser.close();
await server?.remove();

async function timed(on: Browser, path: string, shown: string): Promise<number> {
  const context = await on.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const start = performance.now();
  await page.goto(url + path, { waitUntil: "commit" });
  await page.locator(shown).first().waitFor();
  const took = performance.now() - start;
  await context.close();
  return took;
}

async function scrolled(on: Browser): Promise<number> {
  const page = await on.newPage();
  await page.goto(`${url}/experiments/${crowd}`);
  await page.locator(".body .run-row a").first().waitFor();
  const start = performance.now();
  await page.locator(".runs").evaluate((table) => table.scrollTo(0, table.scrollHeight));
  await page.locator(`#row-${RUNS - 1} a`).waitFor({ timeout: 120_000 });
  const took = performance.now() - start;
  await page.close();
  return took;
}

/** How long frames take while a table is scrolled by a screen every few of them. */
async function frames(on: Browser): Promise<number> {
  const page = await on.newPage();
  await page.goto(`${url}/experiments/${crowd}?top=0`);
  await page.locator(".body .run-row a").first().waitFor();
  const times = await page.locator(".runs").evaluate(
    (table) =>
      new Promise<number[]>((resolve) => {
        const took: number[] = [];
        let before = performance.now();
        const step = (now: number) => {
          took.push(now - before);
          before = now;
          table.scrollBy(0, 200);
          if (took.length < 300) requestAnimationFrame(step);
          else resolve(took.slice(5));
        };
        requestAnimationFrame(step);
      }),
  );
  await page.close();
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? Number.NaN;
}

async function zoomed(on: Browser): Promise<number> {
  const page = await on.newPage();
  await page.goto(`${url}/experiments/${long}`);
  const chart = page.locator('.chart[aria-label*="ends at"]');
  await chart.waitFor();
  const plot = await chart.locator(".u-over").boundingBox();
  if (!plot) throw new Error("there is no chart");
  await page.mouse.move(plot.x + plot.width * 0.4, plot.y + 50);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 50, { steps: 4 });
  const answered = page.waitForResponse((response) => response.url().endsWith("/GetCurves"));
  const start = performance.now();
  await page.mouse.up();
  await (await answered).finished();
  await page.evaluate(() => new Promise(requestAnimationFrame));
  const took = performance.now() - start;
  await page.close();
  return took;
}

async function live(on: Browser): Promise<number> {
  const { run } = await services.runs.createRun({ experimentId: long, name: `live-${tag}` });
  const runId = run?.id ?? "";
  await services.runs.updateRun({ run: { id: runId, status: 2 }, updateMask: { paths: ["status"] } });
  const log = (step: number) =>
    services.runs.logBatch({ runId, metrics: [{ key: "loss", value: step, step: BigInt(step) }] });
  await log(1);
  const page = await on.newPage();
  await page.goto(`${url}/runs/${runId}`);
  const times = [];
  for (let step = 2; step < 2 + TRIES; step++) {
    await page.locator(`.chart[aria-label*="ends at ${step - 1}"]`).waitFor();
    const start = performance.now();
    await log(step);
    await page.locator(`.chart[aria-label*="ends at ${step}"]`).waitFor();
    times.push(performance.now() - start);
  }
  await page.close();
  return middle(times);
}

/** A pedigree of as many nodes as a picture has, folded at first, then with all its bundles open. */
async function pedigree(on: Browser): Promise<void> {
  const node = encodeURIComponent(await seedDescent(lineageAt(grpc), NODES, `descent-${tag}`));
  tell(
    `pedigree of ${NODES} nodes, first shapes`,
    await median((b) => timed(b, `/lineage?node=${node}&ways=back`, ".picture-frame g[aria-label]")),
  );
  // As often as it takes for each bundle to be open.
  const all = Array.from({ length: NODES / 40 + 1 }, () => "farther-back").join();
  const start = performance.now();
  const page = await on.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${url}/lineage?node=${node}&ways=back&open=${all}`);
  await page.getByText(`${count(NODES)} shapes for ${count(NODES)} nodes`).waitFor({ timeout: 120_000 });
  await page.locator(".picture-frame g[aria-label]").first().waitFor({ timeout: 120_000 });
  tell(`  … all ${NODES} shapes laid out`, performance.now() - start);
  await page.getByRole("button", { name: "Fit" }).click();
  const gaps = page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        let last = performance.now();
        const frame = () => {
          times.push(performance.now() - last);
          last = performance.now();
          if (times.length < 60) requestAnimationFrame(frame);
          else resolve(times.slice(2));
        };
        requestAnimationFrame(frame);
      }),
  );
  const box = await page.locator(".picture-frame").boundingBox();
  if (!box) throw new Error("there is no picture");
  await page.mouse.move(box.x + 200, box.y + 100);
  await page.mouse.down();
  for (let step = 0; step < 60; step++) await page.mouse.move(box.x + 200 + step * 4, box.y + 100 + step);
  await page.mouse.up();
  const frames = await gaps;
  tell("  … a frame while all of them are dragged, median", middle(frames));
  tell("  … and the longest", Math.max(...frames));
  await page.close();
}

async function moved(on: Browser): Promise<number> {
  const { models, transitions, versions } = registryAt(process.env["HERDBOOK_GRPC_URL"] ?? url);
  const model = `moved-${tag}`;
  await models.createModel({ name: model });
  await versions.createVersion({ model, source: `s3://elsewhere/${tag}`, external: true });
  const page = await on.newPage();
  await page.goto(`${url}/models/${model}`);
  const times = [];
  for (let at = 0; at < 2 * TRIES; at++) {
    const [from, to] = at % 2 ? ["Staging", "None"] : ["None", "Staging"];
    await page.locator(`.column[aria-label^="${from},"] [data-version="1"]`).waitFor();
    const start = performance.now();
    await transitions.transitionVersion({ model, version: 1n, to: to ?? "" });
    await page.locator(`.column[aria-label^="${to},"] [data-version="1"]`).waitFor();
    times.push(performance.now() - start);
  }
  await page.close();
  return middle(times);
}

async function transferred(on: Browser, path: string): Promise<string> {
  const page = await on.newPage();
  await page.goto(url + path);
  await page.locator(".run-row a").first().waitFor();
  const bytes = await page.evaluate(() =>
    (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
      .filter((entry) => entry.name.includes("/assets/"))
      .reduce((sum, entry) => sum + entry.encodedBodySize, 0),
  );
  await page.close();
  return `${(bytes / 1000).toFixed(0)} kB`;
}

async function median(measure: (on: Browser) => Promise<number>): Promise<number> {
  const times = [];
  for (let at = 0; at < TRIES; at++) times.push(await measure(browser));
  return middle(times);
}

function middle(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

function tell(what: string, took: number): void {
  console.log(`${what}: ${seconds(took)}`);
}

function count(number: number): string {
  return number.toLocaleString("en-GB");
}

function seconds(took: number): string {
  return took < 1000 ? `${took.toFixed(0)} ms` : `${(took / 1000).toFixed(1)} s`;
}

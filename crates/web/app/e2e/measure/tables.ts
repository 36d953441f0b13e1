import { get, type IncomingMessage } from "node:http";
import { performance } from "node:perf_hooks";
import type { Page } from "playwright-core";
import { growCrowd } from "../support/seed.ts";
import { frames, newPage, opened, type Place, painted, seen } from "./place.ts";
import { median, percentile, tell, within } from "./report.ts";

const ROW = ".body .run-row a";
/** A screen has 60 frames a second; the clock of the browser is not exact. */
const FRAME = within(17.5);
const FRAMES = 300;

/** The first page that is seen, until a key does what it says. */
export async function firstLoad(place: Place): Promise<void> {
  const usable = async (page: Page) => {
    await page.keyboard.press("/");
    await seen(page, "#find-experiment:focus");
  };
  const took = await median(() => opened(place, "/experiments", ".experiments tbody tr", usable));
  tell("first load, until the list of experiments is there and answers a key", took, within(1000));
}

/** What a browser with nothing in its cache takes before a page is there. */
export async function bundle(place: Place, experiment: bigint): Promise<void> {
  const pages = {
    "/experiments": ".experiments tbody tr",
    [`/experiments/${experiment}`]: '.chart[aria-label*="ends at"]',
    "/lineage": "main h1",
  };
  for (const [path, shown] of Object.entries(pages)) {
    const page = await newPage(place);
    await page.goto(place.url + path);
    await page.locator(shown).first().waitFor();
    const names = await page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .map(({ name }) => name)
        .filter((name) => name.includes("/assets/")),
    );
    await page.close();
    const sizes = await Promise.all([...new Set(names)].map(packed));
    const sum = sizes.reduce((all, size) => all + size, 0) / 1000;
    const of = path.replace(/\d+/, "ID");
    tell(`script and style of ${of}, by gzip`, sum, { most: 350, unit: "kB" });
  }
}

/** What a file of the app takes on the wire; `fetch` would unpack it. */
async function packed(url: string): Promise<number> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { "accept-encoding": "gzip" } }, resolve).on("error", reject);
  });
  let size = 0;
  for await (const chunk of answer) size += (chunk as Buffer).length;
  return size;
}

/** A table of very many runs, then of twice as many. */
export async function runs(place: Place, experiment: bigint, count: number): Promise<void> {
  const path = `/experiments/${experiment}`;
  const interactive = async (page: Page) => {
    await page.keyboard.press("j");
    await seen(page, ".run-row.active");
  };
  const table = () => opened(place, `${path}?top=0`, ROW, interactive);
  tell(`table of ${count} runs, until rows answer a key`, await median(table), within(1000));
  const withCharts = () => opened(place, path, ROW, interactive);
  tell("  … with the charts of its first runs", await median(withCharts), within(1000));
  const ordered = () => opened(place, `${path}?top=0&sort=metrics.val/loss`, ROW, interactive);
  tell("  … ordered by a metric", await median(ordered), within(1000));
  const filter = encodeURIComponent("metrics.val/accuracy > 0.9 and params.layers = '4'");
  const filtered = () => opened(place, `${path}?top=0&q=${filter}`, ROW, interactive);
  tell("  … filtered by a metric and a param", await median(filtered), within(1000));
  const compared = () => opened(place, `/compare?experiment=${experiment}`, ".diff-cell.number");
  tell("comparison of its best 500, until differences are there", await median(compared));

  await growCrowd(place.services, experiment, count, 2 * count);
  await scrolled(place, path, 2 * count);
}

async function scrolled(place: Place, path: string, count: number): Promise<void> {
  const page = await newPage(place);
  await page.goto(`${place.url}${path}?top=0`);
  await page.locator(ROW).first().waitFor();
  await page
    .getByRole("grid")
    .locator(`xpath=self::*[@aria-rowcount="${count + 1}"]`)
    .waitFor();
  const table = page.locator(".runs");
  // By the wheel, and by the bar: from the first row to the last, so fast that all rows on the screen are others each time.
  for (const [how, step] of [
    ["by the wheel", 120],
    ["by the bar, from the first to the last", (count * 28) / FRAMES],
  ] as const) {
    await table.evaluate((scroller) => scroller.scrollTo(0, 0));
    await painted(page);
    const measured = frames(page, FRAMES);
    await table.evaluate(
      (scroller, [by, frames]) => {
        let left = frames;
        const scroll = () => {
          scroller.scrollBy(0, by);
          if (--left > 0) requestAnimationFrame(scroll);
        };
        requestAnimationFrame(scroll);
      },
      [step, FRAMES] as const,
    );
    const times = await measured;
    tell(`a frame while ${count} rows are scrolled ${how}, 95 of 100`, percentile(times, 0.95), FRAME);
    tell("  … and the longest", Math.max(...times));
  }
  await table.evaluate((scroller) => scroller.scrollTo(0, 0));
  await painted(page);
  const start = performance.now();
  await table.evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
  await seen(page, `#row-${count - 1} a`);
  await painted(page);
  tell("  … until the last row is there", performance.now() - start);
  await page.close();
}

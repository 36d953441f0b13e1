import { performance } from "node:perf_hooks";
import { loadedAhead } from "../support/browser.ts";
import { newPage, opened, type Place, painted, seen } from "./place.ts";
import { median, middle, TRIES, tell, within } from "./report.ts";

/** Curves of some runs with very many points. */
export async function charts(place: Place, experiment: bigint, runs: number, points: number): Promise<void> {
  const path = `/experiments/${experiment}`;
  // A chart names five of its lines, and how many more there are.
  const all = `.chart[aria-label*="ends at"][aria-label$="and ${runs - 5} more"]`;
  const whole = () => opened(place, path, all);
  tell(`chart of ${runs} x ${points} points, from an empty cache`, await median(whole), within(500));
  tell("  … in a page that is open", await median(() => shownAgain(place, path, all)), within(500));
  tell("  … zoomed into a tenth", await median(() => zoomed(place, path, all)), within(500));
}

/** From the list of experiments to the curves, as one clicks once the code of the page is loaded ahead. */
async function shownAgain(place: Place, path: string, all: string): Promise<number> {
  const page = await newPage(place);
  await page.goto(`${place.url}/experiments`);
  const link = page.locator(`.experiments a[href="${path}"]`);
  await link.waitFor();
  await loadedAhead(page, "ExperimentPage");
  const start = performance.now();
  await link.click();
  await seen(page, all);
  await painted(page);
  const took = performance.now() - start;
  await page.close();
  return took;
}

async function zoomed(place: Place, path: string, all: string): Promise<number> {
  const page = await newPage(place);
  await page.goto(place.url + path);
  const chart = page.locator(all);
  await chart.waitFor();
  const before = await chart.getAttribute("aria-label");
  const plot = await chart.locator(".u-over").boundingBox();
  if (!plot) throw new Error("there is no chart");
  await page.mouse.move(plot.x + plot.width * 0.4, plot.y + 50);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 50, { steps: 4 });
  const start = performance.now();
  await page.mouse.up();
  // What the lines end at is another value as soon as those of the part are there.
  await page.waitForFunction(
    ([selector = "", label]) => {
      const now = document.querySelector(selector)?.getAttribute("aria-label");
      return now !== undefined && now !== label;
    },
    [all, before] as const,
    { polling: "raf" },
  );
  await painted(page);
  const took = performance.now() - start;
  await page.close();
  return took;
}

/** From a point's being logged, acknowledged or not, until it is on the screen. */
export async function live(place: Place, experiment: bigint): Promise<void> {
  const { runs } = place.services;
  const { run } = await runs.createRun({ experimentId: experiment, name: `live-${place.tag}` });
  const runId = run?.id ?? "";
  await runs.updateRun({ run: { id: runId, status: 2 }, updateMask: { paths: ["status"] } });
  const log = (step: number) =>
    runs.logBatch({ runId, metrics: [{ key: "loss", value: step, step: BigInt(step) }] });
  await log(1);
  const page = await newPage(place);
  await page.goto(`${place.url}/runs/${runId}`);
  const times = [];
  for (let step = 2; step < 2 + 2 * TRIES; step++) {
    await page.locator(`.chart[aria-label*="ends at ${step - 1}"]`).waitFor();
    const start = performance.now();
    await log(step);
    await seen(page, `.chart[aria-label*="ends at ${step}"]`);
    await painted(page);
    times.push(performance.now() - start);
  }
  await page.close();
  tell("a point logged, until it is drawn, median", middle(times), within(500));
  tell("  … and the longest", Math.max(...times), within(500));
}

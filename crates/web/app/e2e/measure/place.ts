import { performance } from "node:perf_hooks";
import type { Browser, Page } from "playwright-core";
import type { Services } from "../support/seed.ts";

/** Where it is measured. */
export interface Place {
  url: string;
  /** Where what is measured is logged: another port where the app is served by Vite. */
  grpc: string;
  services: Services;
  browser: Browser;
  /** In all names, so that it is measured in a Herdbook that has other things too. */
  tag: string;
}

const PATIENCE_MS = 300_000;

export async function newPage({ browser }: Place): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** How long a page takes with nothing in the cache, until something is on the screen and `used`, if it is, answers. */
export async function opened(
  place: Place,
  path: string,
  shown: string,
  used?: (page: Page) => Promise<unknown>,
): Promise<number> {
  const page = await newPage(place);
  const start = performance.now();
  await page.goto(place.url + path, { waitUntil: "commit" });
  await seen(page, shown);
  await used?.(page);
  await painted(page);
  const took = performance.now() - start;
  await page.close();
  return took;
}

/**
 * Waits until what `selector` finds is in the layout, looking at every frame: a locator's own wait looks after 20, 70, 170, 270
 * and 770 milliseconds, and tells so much too late.
 */
export async function seen(page: Page, selector: string): Promise<void> {
  const isThere = (wanted: string) => (document.querySelector(wanted)?.getClientRects().length ?? 0) > 0;
  await page.waitForFunction(isThere, selector, { polling: "raf" });
}

/** The frame after the next has what the page drew before. */
export function painted(page: Page): Promise<unknown> {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** How long each of some frames takes; what is to be measured is done meanwhile. */
export function frames(page: Page, count: number): Promise<number[]> {
  return page.evaluate(
    (wanted) =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        let before = performance.now();
        const frame = () => {
          const now = performance.now();
          times.push(now - before);
          before = now;
          if (times.length < wanted) requestAnimationFrame(frame);
          // The first ones are those of the page before.
          else resolve(times.slice(2));
        };
        requestAnimationFrame(frame);
      }),
    count,
  );
}

import { after, before, it } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open, screenshot } from "./support/browser.ts";
import { type Sweep, seedSweep, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";

/** Phone, laptop, wall. */
/** A chart that has something to show. */
const DRAWN = '.chart[aria-label*="ends at"]';

const SIZES = [
  [390, 844],
  [1280, 800],
  [2560, 1440],
] as const;

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

/** Pictures for people to look at: can somebody who never saw the page answer its question in ten seconds? */
for (const [width, height] of SIZES) {
  for (const colorScheme of ["light", "dark"] as const) {
    it(`pages at ${width} px, ${colorScheme}`, async () => {
      const at = { viewport: { width, height }, colorScheme };
      // On a phone the charts of an experiment are below its runs, or groups of them.
      const charts = width < 720 ? ".body .run-row a, .groups td" : DRAWN;
      const pages = {
        experiments: ["/experiments", ".experiments tbody tr"],
        experiment: [`/experiments/${sweep.experimentId}`, charts],
        grouped: [`/experiments/${sweep.experimentId}?group=params.lr&smooth=0.9`, charts],
        wrong: [`/experiments/${sweep.experimentId}?q=metrics.loss%20>>%201`, ".filter-wrong"],
        run: [`/runs/${sweep.runIds[0]}`, DRAWN],
        failed: [`/runs/${sweep.runIds[6]}`, DRAWN],
        gone: [`/runs/${"0".repeat(32)}`, ".notice"],
        start: ["/start", ".snippet"],
        compare: [
          `/compare?experiment=${sweep.experimentId}&runs=${sweep.runIds.slice(0, 8).join(",")}`,
          ".importance",
        ],
        file: [`/runs/${sweep.runIds[0]}?file=predictions.csv`, ".data-table"],
      } as const;
      for (const [name, [path, shown]] of Object.entries(pages)) {
        const { page } = await open(browser, server.url + path, at);
        await page.locator(shown).first().waitFor();
        await screenshot(page, `${name}-${width}-${colorScheme}`);
        await page.context().close();
      }
    });
  }
}

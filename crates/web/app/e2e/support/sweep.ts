import { after, before } from "node:test";
import type { Browser } from "playwright-core";
import { launch } from "./browser.ts";
import { type Services, type Sweep, seedSweep, servicesAt } from "./seed.ts";
import { Server } from "./server.ts";

/** A Herdbook with a sweep of runs in it, and a browser, for all tests of the file that imports this. */
export let server: Server;
export let services: Services;
export let sweep: Sweep;
export let browser: Browser;

before(async () => {
  server = await Server.start();
  services = servicesAt(server.url);
  sweep = await seedSweep(services);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

import { performance } from "node:perf_hooks";
import type { Page } from "playwright-core";
import { crowdOfModels, registryAt } from "../support/models.ts";
import { newPage, opened, type Place, painted, seen } from "./place.ts";
import { median, middle, TRIES, tell, within } from "./report.ts";

const ROW = ".body .model-row a";

/** The list of very many models. */
export async function models(place: Place, count: number): Promise<void> {
  const prefix = `crowd-${place.tag}`;
  await crowdOfModels(registryAt(place.grpc), count, prefix);
  const interactive = async (page: Page) => {
    await page.keyboard.press("j");
    await seen(page, ".model-row.active");
  };
  const listed = () => opened(place, "/models", ROW, interactive);
  tell(`list of ${count} models, until rows answer a key`, await median(listed), within(1000));
  const filter = encodeURIComponent(`name LIKE '${prefix}%7' AND tags.team = 'team-3'`);
  const filtered = () => opened(place, `/models?q=${filter}`, ROW, interactive);
  tell("  … filtered by name and tag", await median(filtered), within(1000));
  const page = await newPage(place);
  await page.goto(`${place.url}/models`);
  await page.locator(ROW).first().waitFor();
  const start = performance.now();
  await page.locator(".models").evaluate((table) => table.scrollTo(0, table.scrollHeight));
  await seen(page, `#model-${count - 1} a`);
  await painted(page);
  tell("  … until the last row is there, by the scroll bar", performance.now() - start);
  await page.close();
}

/** A version that somebody else moves, until the board has it there. */
export async function moved(place: Place): Promise<void> {
  const { models, transitions, versions } = registryAt(place.grpc);
  const model = `moved-${place.tag}`;
  await models.createModel({ name: model });
  await versions.createVersion({ model, source: `s3://elsewhere/${place.tag}`, external: true });
  const page = await newPage(place);
  await page.goto(`${place.url}/models/${model}`);
  const times = [];
  for (let at = 0; at < 2 * TRIES; at++) {
    const [from, to] = at % 2 ? ["Staging", "None"] : ["None", "Staging"];
    await page.locator(`.column[aria-label^="${from},"] [data-version="1"]`).waitFor();
    const start = performance.now();
    await transitions.transitionVersion({ model, version: 1n, to: to ?? "" });
    await seen(page, `.column[aria-label^="${to},"] [data-version="1"]`);
    await painted(page);
    times.push(performance.now() - start);
  }
  await page.close();
  tell("a version moved elsewhere, until the board shows it", middle(times), within(500));
}

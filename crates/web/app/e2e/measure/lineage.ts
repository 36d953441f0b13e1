import { performance } from "node:perf_hooks";
import { lineageAt, seedDescent } from "../support/lineage.ts";
import { frames, newPage, opened, type Place, seen } from "./place.ts";
import { median, middle, tell, within } from "./report.ts";

const SHAPE = ".picture-frame g[aria-label]";

/** A pedigree of as many nodes as a picture has, folded at first, then with all its bundles open. */
export async function pedigree(place: Place, nodes: number): Promise<void> {
  const lineage = lineageAt(place.grpc);
  const node = encodeURIComponent(await seedDescent(lineage, nodes, `descent-${place.tag}`));
  const path = `/lineage?node=${node}&ways=back`;
  const folded = () => opened(place, path, SHAPE);
  tell(`pedigree of ${nodes} nodes, first shapes`, await median(folded), within(1000));
  // As often as it takes for each bundle to be open.
  const all = Array.from({ length: nodes / 40 + 1 }, () => "farther-back").join();
  const count = nodes.toLocaleString("en-GB");
  const start = performance.now();
  const page = await newPage(place);
  await page.goto(`${place.url}${path}&open=${all}`);
  await page.getByText(`${count} shapes for ${count} nodes`).waitFor();
  await seen(page, SHAPE);
  tell(`  … all ${nodes} shapes laid out`, performance.now() - start);
  await page.getByRole("button", { name: "Fit" }).click();
  const box = await page.locator(".picture-frame").boundingBox();
  if (!box) throw new Error("there is no picture");
  const measured = frames(page, 60);
  await page.mouse.move(box.x + 200, box.y + 100);
  await page.mouse.down();
  for (let step = 0; step < 60; step++) await page.mouse.move(box.x + 200 + step * 4, box.y + 100 + step);
  await page.mouse.up();
  const times = await measured;
  tell("  … a frame while all of them are dragged, median", middle(times), within(34));
  tell("  … and the longest", Math.max(...times));
  await page.close();
}

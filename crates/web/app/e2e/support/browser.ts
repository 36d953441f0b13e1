import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where `./dev` says it is, or where systems have it. */
const PROGRAMS = [
  process.env["HERDBOOK_TEST_BROWSER"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

const SCREENSHOTS = process.env["HERDBOOK_SCREENSHOTS"] ?? "target/screenshots";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 60_000;

export function launch(): Promise<Browser> {
  const executablePath = PROGRAMS.find((path) => path !== "" && existsSync(path));
  assert.ok(executablePath, "Chromium or Chrome is needed; name it in HERDBOOK_TEST_BROWSER");
  // The tests run as root in containers, where the sandbox cannot be made; what they load is their own.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A page that notes what went wrong in it. */
export interface Watched {
  page: Page;
  /** Errors in the console, and those that nobody caught. */
  errors: string[];
}

export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors: string[] = [];
  page.on("console", (message) => {
    // That tests look at pixels is no fault of the page.
    const said = message.type() === "error" || message.type() === "warning";
    if (said && !message.text().startsWith("Canvas2D")) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  return { page, errors };
}

/** Closes a page in which nothing may have gone wrong. */
export async function close({ page, errors }: Watched): Promise<void> {
  await page.context().close();
  assert.deepEqual(errors, []);
}

/** No finding of axe that keeps somebody out. */
export async function assertAccessible(page: Page): Promise<void> {
  // By the debugger's way: the policy of the page lets no script in.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run: () => Promise<{ violations: Finding[] }> } }).axe;
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join("; ")}`,
      );
  });
  assert.deepEqual(found, []);
}

interface Finding {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** What a press saves. */
export async function savedBy(
  page: Page,
  press: () => Promise<void>,
): Promise<{ name: string; path: string; text: string }> {
  const saving = page.waitForEvent("download");
  await press();
  const saved = await saving;
  const path = await saved.path();
  return { name: saved.suggestedFilename(), path, text: readFileSync(path, "utf8") };
}

/** Waits until the code of another page, such as `TeamPage`, is loaded ahead. */
export async function loadedAhead(page: Page, name: string): Promise<void> {
  await page.waitForFunction(
    (part) => performance.getEntriesByType("resource").some((entry) => entry.name.includes(part)),
    `/assets/${name}-`,
  );
}

/** The page as it is on a sheet of A4. */
export async function onPaper(page: Page): Promise<void> {
  await page.setViewportSize({ width: 720, height: 1040 });
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  await page.emulateMedia({ media: "print" });
}

/** How much of a chart's canvas is drawn on. */
export function inkOf(page: Page, chart: string): Promise<number> {
  return page.evaluate((name) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`.panel[aria-label="${name}"] canvas`);
    const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let coloured = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      const [r = 0, g = 0, b = 0, a = 0] = [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]];
      // Axes and grid are grey.
      if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 60) coloured++;
    }
    return coloured;
  }, chart);
}

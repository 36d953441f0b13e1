import { after, before, it } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open, screenshot } from "./support/browser.ts";
import { lineageAt, seedDescent, seedFamily } from "./support/lineage.ts";
import { askForApprovals, MODEL, type Person, seedModel, Team } from "./support/models.ts";
import { type Sweep, seedSweep, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";
import { seedTeam } from "./support/team.ts";

/** A chart that has something to show. */
const DRAWN = '.chart[aria-label*="ends at"]';

/** A picture of lineage that is drawn. */
const SHAPE = ".picture-frame g[aria-label]";

/** Phone, laptop, wall. */
const SIZES = [
  [390, 844],
  [1280, 800],
  [2560, 1440],
] as const;

let server: Server;
let browser: Browser;
let sweep: Sweep;
let descent: string;
let team: Team;
let talk: { report: string; comment: string };

before(async () => {
  server = await Server.start();
  sweep = await seedSweep(servicesAt(server.url));
  await seedFamily(server.url);
  descent = encodeURIComponent(await seedDescent(lineageAt(server.url), 500));
  talk = await seedTeam(servicesAt(server.url), sweep);
  team = await Team.start();
  const ana = team.registry("ana");
  await seedModel(team.services("ana"), ana, team.registry("eve"));
  await askForApprovals(team.registry("eve"));
  const comment = "two weeks of shadow traffic, no alarms";
  const move = { model: MODEL, version: 4n, to: "Production", comment };
  const { decision } = await ana.transitions.transitionVersion(move);
  await team.registry("cyd").requests.approveRequest({ id: decision?.request ?? 0n, comment: "checked" });
  await ana.models.createModel({ name: "not registered yet" });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
  await team?.server.remove();
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
        lineage: ["/lineage", ".subjects li"],
        pedigree: ["/lineage?node=model_version:fraud-detector@2&ways=both", SHAPE],
        "pedigree-node": [
          "/lineage?node=model_version:fraud-detector@2&pick=model_version:fraud-detector@2",
          ".sheet .pairs",
        ],
        "pedigree-folded": [`/lineage?node=${descent}&ways=back`, SHAPE],
        data: ["/lineage/data?node=fraud-detector@Production", SHAPE],
        impact: ["/lineage/impact?tag=pii", SHAPE],
        proof: ["/lineage/proof?node=fraud-detector@Production&tags=biased", SHAPE],
        tainted: ["/lineage/proof?node=fraud-triage@Production&tags=biased", SHAPE],
        reproduce: ["/lineage/reproduce?node=fraud-detector@Production", ".steps"],
        difference: ["/lineage/diff?from=fraud-detector/1&to=fraud-detector/2", SHAPE],
        "lineage-gone": ["/lineage?node=dataset:payments_v9", ".notice"],
        team: ["/team", ".tokens tbody tr"],
        activity: ["/activity", ".feed li"],
        mentions: ["/activity?kind=mentions", ".feed li"],
        reports: ["/reports", ".reports tbody tr"],
        report: [`/reports/${talk.report}`, DRAWN],
        "report-editor": [`/reports/${talk.report}?edit=1`, DRAWN],
        comments: [`/runs/${sweep.runIds[0]}#comment-${talk.comment}`, ".comments .markdown"],
      } as const;
      for (const [name, [path, shown]] of Object.entries(pages)) {
        const { page } = await open(browser, server.url + path, at);
        await page.locator(shown).first().waitFor();
        await screenshot(page, `${name}-${width}-${colorScheme}`);
        await page.context().close();
      }
      const { page } = await open(browser, `${server.url}/lineage`, at);
      await page.getByRole("button", { name: /^Search/ }).click();
      await page.getByRole("combobox", { name: /^Find/ }).fill("fraud");
      await page.getByRole("group", { name: "Versions" }).waitFor();
      await screenshot(page, `search-${width}-${colorScheme}`);
      await page.context().close();
    });

    it(`pages of models at ${width} px, ${colorScheme}`, async () => {
      const at = { viewport: { width, height }, colorScheme };
      const model = `/models/${MODEL}`;
      const pages: Record<string, [Person, string, string]> = {
        models: ["bo", "/models", ".model-row .stage:visible"],
        "models-wrong": ["bo", "/models?q=tags.team%20>>%201", ".filter-wrong"],
        model: ["bo", model, ".bar.present"],
        "model-viewer": ["dee", model, ".bar.present"],
        "model-empty": ["ana", "/models/not%20registered%20yet", ".snippet"],
        "model-gone": ["ana", "/models/unknown", ".notice"],
        promote: ["bo", `${model}?move=4&to=Production`, ".checklist .failed"],
        refused: ["eve", `${model}?move=5&to=Production`, ".checklist .failed"],
        rollback: ["bo", `${model}?rollback=Production`, ".checklist li"],
        version: ["bo", `${model}/4`, ".files a"],
        "versions-compared": ["bo", `${model}/compare?from=3&to=4`, ".part table"],
        policy: ["eve", `${model}/policy`, ".policy-moves li"],
        audit: ["bo", `${model}/audit`, ".verification .good"],
        approvals: ["bo", "/approvals", ".waiting-request"],
      };
      for (const [name, [who, path, shown]] of Object.entries(pages)) {
        const { page } = await team.open(browser, who, path, at);
        await page.locator(shown).first().waitFor();
        await screenshot(page, `${name}-${width}-${colorScheme}`);
        await page.context().close();
      }
    });
  }
}

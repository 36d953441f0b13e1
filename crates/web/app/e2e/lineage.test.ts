import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, close, launch, onPaper, open, savedBy } from "./support/browser.ts";
import { type Family, type Lineage, lineageAt, seedDescent, seedFamily } from "./support/lineage.ts";
import { herdbook, Server, until } from "./support/server.ts";

let server: Server;
let lineage: Lineage;
let browser: Browser;
let family: Family;

before(async () => {
  server = await Server.start();
  lineage = lineageAt(server.url);
  family = await seedFamily(server.url);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

const at = (path: string) => `${server.url}${path}`;
const shape = (page: Page, name: string) => page.locator(`.picture-frame g[aria-label*="${name}"]`);
const drawn = (page: Page) => page.getByText(/\d+ shapes for \d+ nodes/).waitFor();

describe("questions", () => {
  it("begin with what serves and with what data there is", async () => {
    const watched = await open(browser, at("/lineage"));
    const { page } = watched;
    const served = page.getByRole("region", { name: "In Production" });
    await served.getByRole("link", { name: "fraud-detector/2" }).waitFor();
    await served.getByRole("link", { name: "fraud-triage/1" }).waitFor();
    await page.getByRole("region", { name: "Data" }).getByRole("link", { name: "payments_raw" }).waitFor();
    await assertAccessible(page);
    await served
      .getByRole("listitem")
      .filter({ hasText: "fraud-detector" })
      .getByRole("link", { name: "what data trained it?" })
      .click();
    await page.getByText(/fraud-detector\/2 \(Production · v1\.2\.0\) was trained on payments_v1/).waitFor();
    await close(watched);
  });

  it("what data trained the model in Production?", async () => {
    const watched = await open(browser, at("/lineage/data?node=fraud-detector@Production"));
    const { page } = watched;
    await page.getByText("was trained on payments_v1, which goes back to 2 data sets more.").waitFor();
    const read = page.getByRole("row").filter({ hasText: "payments_v1" });
    await read.getByText("training").waitFor();
    await page.getByRole("row").filter({ hasText: "payments_raw" }).getByText("pii").waitFor();
    await shape(page, "payments_v1").waitFor();
    assert.equal(await shape(page, "payments_v2").count(), 0);
    await assertAccessible(page);
    await close(watched);
  });

  it("which versions in Production descend from the wrong labels?", async () => {
    const watched = await open(browser, at("/lineage/impact?node=dataset:payments_v2"));
    const { page } = watched;
    await page.getByText("1 Production version descends from payments_v2: fraud-triage/1.").waitFor();
    await shape(page, "fraud-triage/1").waitFor();
    await assertAccessible(page);
    await page.getByLabel("or all with the tag").fill("pii");
    await page.keyboard.press("Enter");
    await page.getByText("2 Production versions descend from anything tagged pii").waitFor();
    await page.getByRole("row").filter({ hasText: "fraud-triage" }).getByRole("button").click();
    assert.match(page.url(), /way=model_version:fraud-triage/);
    await close(watched);
  });

  it("prove that it went into one and not into the other, so that anybody can verify it", async () => {
    const watched = await open(browser, at("/lineage/proof?node=fraud-triage@Production&tags=biased"));
    const { page } = watched;
    await page.getByText("✗ Yes. fraud-triage/1 descends from something tagged biased").waitFor();
    await page.getByRole("region", { name: "Evidence" }).getByRole("link", { name: "payments_v2" }).waitFor();
    await assertAccessible(page);
    await page.goto(at("/lineage/proof?node=fraud-detector@Production&tags=biased"));
    await page.getByText("✓ No. fraud-detector/2 does not descend from anything tagged biased").waitFor();
    await page.getByRole("region", { name: "Completeness" }).getByText("of 100 to account for it").waitFor();
    const proof = await savedBy(page, () => page.getByRole("button", { name: "Save proof" }).click());
    assert.equal(proof.name, "proof-fraud-detector-2.json");
    assert.match(proof.text, /\["verdict","CLEAN"\]/);
    await herdbook("lineage", "verify", "--offline", proof.path);
    await assertAccessible(page);
    await close(watched);
  });

  it("what is not known is no proof", async () => {
    await lineage.record({
      edges: [
        {
          source: { kind: "run", name: "by-hand", version: "" },
          target: { kind: "model_version", name: "unknown", version: "1" },
          type: 2,
        },
      ],
    });
    const watched = await open(browser, at("/lineage/proof?node=model_version:unknown@1&tags=biased"));
    const { page } = watched;
    await page.getByText("? Not as far as is known.").waitFor();
    await page.getByRole("region", { name: "What is not known" }).getByText("by-hand").waitFor();
    await close(watched);
  });

  it("what does it take to make it again?", async () => {
    const watched = await open(browser, at("/lineage/reproduce?node=fraud-detector@Production"));
    const { page } = watched;
    await page.getByText("All that it takes to make fraud-detector/2 again is recorded.").waitFor();
    await page.getByText(/git checkout [0-9a-f]{40}/).waitFor();
    await page.getByText("seed of random numbers").waitFor();
    const manifest = await savedBy(page, () =>
      page.getByRole("button", { name: "Save manifest.json" }).click(),
    );
    assert.equal(JSON.parse(manifest.text).run_id, family.runIds[1]);
    await assertAccessible(page);
    await close(watched);
  });

  it("what differs between two versions?", async () => {
    const watched = await open(browser, at("/lineage/diff?from=fraud-detector/1&to=fraud-detector/2"));
    const { page } = watched;
    await page.getByText(/1 param.* differ\. The same: 3 data sets/).waitFor();
    await page.getByRole("row").filter({ hasText: "seed" }).getByText("2", { exact: true }).waitFor();
    await shape(page, "fraud-detector-2, + new").or(shape(page, "+ new")).first().waitFor();
    await assertAccessible(page);
    await close(watched);
  });

  it("how did one thing get into another?", async () => {
    const watched = await open(
      browser,
      at("/lineage/path?from=fraud-triage@Production&to=dataset:payments_raw"),
    );
    const { page } = watched;
    await page.getByText("it is the other way round").waitFor();
    await page.getByRole("button", { name: "Swap" }).click();
    await page.getByText("by 4 steps at least").waitFor();
    await page.getByText("was used by, as training").waitFor();
    await assertAccessible(page);
    await close(watched);
  });
});

describe("the picture", () => {
  it("is walked through by keys alone, and a reload shows the same", async () => {
    const watched = await open(browser, at("/lineage?node=model_version:fraud-detector@2"));
    const { page } = watched;
    await drawn(page);
    await page.getByText(/came from 3 data sets, 1 state of code, 1 environment and 1 run\./).waitFor();
    await page.getByRole("application").focus();
    await page.keyboard.press("ArrowLeft");
    await page.getByText(/run fraud-detector-2.*; \d before it, \d after it/).waitFor({ state: "attached" });
    await page.keyboard.press("Enter");
    const sheet = page.getByRole("complementary", { name: "About fraud-detector-2" });
    await sheet.getByRole("link", { name: "Open the run" }).waitFor();
    await assertAccessible(page);
    assert.match(page.url(), /pick=run:/);
    await page.reload();
    await sheet.waitFor();
    await page.getByRole("application").focus();
    await page.keyboard.press("Escape");
    await sheet.waitFor({ state: "hidden" });
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.getByRole("heading", { name: "Experiments" }).waitFor();
    await close(watched);
  });

  it("shows kinds alone, and what came of something", async () => {
    const watched = await open(browser, at("/lineage?node=dataset:payments_clean"));
    const { page } = watched;
    await page.getByText(/led to 2 data sets, 3 runs, .*3 model versions/).waitFor();
    await page.getByRole("button", { name: /^model versions/ }).click();
    await page.getByText("4 shapes for 4 nodes").waitFor();
    await page.getByRole("button", { name: "came from", exact: true }).click();
    await page.getByText(/came from 1 data set\./).waitFor();
    await close(watched);
  });

  it("of columns leads from what was there first to the versions in Production", async () => {
    const watched = await open(
      browser,
      at("/lineage/columns?node=dataset:payments_raw&field=amount&ways=on"),
    );
    const { page } = watched;
    await page.getByText(/A change reaches 2 versions in Production/).waitFor();
    await drawn(page);
    for (const name of ["column amount_log, payments_v1", "column spent", "model version fraud-detector/2"])
      await shape(page, name).waitFor();
    await assertAccessible(page);
    await shape(page, "column spent").click();
    await page.getByRole("heading", { name: /Where does spent of payments_v1/ }).waitFor();
    await close(watched);
  });

  it("is whole on paper, below what is said", async () => {
    const watched = await open(browser, at("/lineage/proof?node=fraud-detector@Production&tags=biased"));
    const { page } = watched;
    await drawn(page);
    await onPaper(page);
    await page.locator(".paper svg g[aria-label*='payments_raw']").waitFor();
    const box = await page.locator(".paper svg").boundingBox();
    assert.ok(box && box.width > 600 && box.width <= 720, `${box?.width} px`);
    for (const gone of [".rail", ".asked", ".picture-frame"])
      assert.ok(await page.locator(gone).first().isHidden(), gone);
    await page.getByText(/does not descend from anything tagged biased/).waitFor();
    await close(watched);
  });

  it("is saved, and the pedigree in the formats of others", async () => {
    const watched = await open(browser, at("/lineage?node=model_version:fraud-detector@2"));
    const { page } = watched;
    await drawn(page);
    await page.getByLabel(/^What to do with/).click();
    const svg = await savedBy(page, () => page.getByRole("button", { name: "SVG" }).click());
    assert.match(svg.text, /^<svg xmlns/);
    assert.match(svg.text, /payments_raw/);
    assert.doesNotMatch(svg.text, /var\(/, "a file knows no tokens of the page");
    await page.getByLabel(/^What to do with/).click();
    const png = await savedBy(page, () => page.getByRole("button", { name: "PNG" }).click());
    assert.equal(readFileSync(png.path).subarray(1, 4).toString(), "PNG");
    for (const [format, says] of [
      ["Graphviz DOT", /^digraph/],
      ["CycloneDX ML-BOM", /"bomFormat": ?"CycloneDX"/],
      ["OpenLineage events", /"eventType"/],
    ] as const) {
      await page.getByText("Export", { exact: true }).click();
      const saved = await savedBy(page, () => page.getByRole("button", { name: format }).click());
      assert.match(saved.text, says);
    }
    await close(watched);
  });

  it("of two thousand nodes begins with forty shapes, opens bundles, and stays usable", async () => {
    const node = await seedDescent(lineage, 2000);
    const watched = await open(browser, at(`/lineage?node=${node}&ways=back`));
    const { page } = watched;
    await page.getByText("came from 1,999 data sets.").waitFor();
    await page.getByText(/^\d\d shapes for 2,000 nodes/).waitFor();
    const shapes = Number((await page.getByText(/shapes for 2,000/).textContent())?.split(" ")[0]);
    assert.ok(shapes <= 40, `${shapes} shapes`);
    await page.getByRole("application").focus();
    await page.keyboard.press("0");
    await page.locator('.picture-frame g[aria-label*="folded together"]').first().click();
    await until("the bundle is open", () => page.url().includes("open="));
    await page.getByText(/shapes for 2,000 nodes/).waitFor();
    await page.getByRole("button", { name: "Fold all" }).click();
    await page.getByText(new RegExp(`^${shapes} shapes for 2,000 nodes`)).waitFor();
    await assertAccessible(page);
    await close(watched);
  });

  it("that is not all of it says so", async () => {
    const node = await seedDescent(lineage, 2100, "long");
    const watched = await open(browser, at(`/lineage?node=${node}&ways=back`));
    const { page } = watched;
    await page.getByText("These are the nearest 2,000: there is more.").waitFor();
    await page.getByLabel("as far as").selectOption("1");
    await page.getByText("There is more than 1 step").waitFor();
    await close(watched);
  });
});

describe("a node", () => {
  it("is found by a part of its name, by keys", async () => {
    const watched = await open(browser, at("/lineage"));
    const { page } = watched;
    const box = page.getByRole("combobox", { name: "start from" });
    await box.pressSequentially("TS_CLE");
    await page.getByRole("option", { name: /payments_clean/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "What came of payments_clean?" }).waitFor();
    await close(watched);
  });

  it("that is not recorded is said not to be, with what looks like it", async () => {
    const watched = await open(browser, at("/lineage?node=dataset:payments_v9"));
    const { page } = watched;
    await page.getByRole("heading", { name: "The lineage of payments_v9 is not here" }).waitFor();
    await assertAccessible(page);
    await page.getByRole("link", { name: "payments_v2" }).click();
    await page.getByRole("heading", { name: /payments_v2/ }).waitFor();
    await page.goto(at("/lineage?node=Data%20set:x"));
    await page.getByRole("heading", { name: "The address asks for what cannot be" }).waitFor();
    await page.goto(at("/lineage/nothing"));
    await page.getByRole("heading", { name: "There is no such question" }).waitFor();
    await close(watched);
  });

  it("is not known before it was recorded", async () => {
    const watched = await open(browser, at("/lineage?node=dataset:payments_clean&at=2020-01-01T00:00"));
    const { page } = watched;
    await page.getByRole("heading", { name: /payments_clean is not here/ }).waitFor();
    await close(watched);
  });
});

describe("lineage", () => {
  it("of an empty Herdbook says how it is recorded", async (test) => {
    const empty = await Server.start();
    test.after(() => empty.remove());
    const watched = await open(browser, `${empty.url}/lineage`);
    const { page } = watched;
    await page.getByRole("heading", { name: "Nothing is recorded yet" }).waitFor();
    await page.getByText("mlflow.log_input").waitFor();
    await assertAccessible(page);
    await close(watched);
  });

  it("stays while the server is gone, and answers when it is back", async (test) => {
    const other = await Server.start();
    test.after(() => other.remove());
    await seedFamily(other.url);
    const { page } = await open(browser, `${other.url}/lineage/data?node=fraud-detector@Production`);
    await page.getByText("was trained on payments_v1").waitFor();
    await other.down();
    await page.getByRole("link", { name: "Reproduce" }).click();
    await page.getByText(/No connection to Herdbook/).waitFor();
    await other.up();
    await page.getByText("All that it takes to make fraud-detector/2 again is recorded.").waitFor();
    await page.context().close();
  });
});

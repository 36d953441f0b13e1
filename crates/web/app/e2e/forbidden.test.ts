import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, launch, open } from "./support/browser.ts";
import { lineageAt } from "./support/lineage.ts";
import { Team } from "./support/models.ts";

const data = (name: string) => ({ kind: "dataset", name, version: "" });
/** What is there to be seen, for who may. */
const HIDDEN = /hush|whisper/;
/** Asked by a name that is known, about what is not. */
const QUESTIONS = [
  "/lineage?node=dataset:known&ways=both",
  "/lineage/impact?node=dataset:known",
  "/lineage/impact?tag=pii",
  "/lineage/proof?node=dataset:known&tags=pii",
  "/lineage/path?from=dataset:hu&to=dataset:known",
  "/lineage/columns?node=dataset:known",
];

let team: Team;
let browser: Browser;

before(async () => {
  team = await Team.start();
  browser = await launch();
  await lineageAt(team.server.url, team.headers("ana")).record({
    nodes: [{ key: data("known"), tags: ["pii"], attributes: { owner: "whisper" } }],
    edges: [{ source: data("hush"), target: data("known"), type: 3 }],
    columnLinks: [
      { source: data("hush"), target: data("known"), links: [{ sourceField: "hush_a", targetField: "a" }] },
    ],
  });
});

after(async () => {
  await browser?.close();
  await team?.server.remove();
});

describe("lineage", () => {
  it("is there for who may read", async () => {
    const { page } = await team.open(browser, "dee", QUESTIONS[0] ?? "");
    await page.locator('.picture-frame g[aria-label*="hush"]').waitFor();
    await page.context().close();
  });

  it("of a workspace in which one has no role is not told, nor that of another in its place", async () => {
    await team.services("eve").access.createWorkspace({ name: "closed" });
    for (const question of QUESTIONS) {
      const path = `${question}&workspace=closed`;
      const { page } = await team.open(browser, "dee", path);
      await page
        .getByText(/there is no workspace "closed" that you have a role in/)
        .first()
        .waitFor();
      assert.doesNotMatch(await page.content(), HIDDEN, path);
      await assertAccessible(page);
      await page.context().close();
    }
  });

  it("is not told before signing in", async () => {
    for (const question of QUESTIONS) {
      const { page } = await open(browser, team.server.url + question);
      await page.getByRole("heading", { name: "Sign in to Herdbook" }).waitFor();
      assert.doesNotMatch(await page.content(), HIDDEN, question);
      assert.equal(await page.getByRole("navigation").count(), 0, "nothing of the page is there");
      await page.context().close();
    }
  });

  it("is not told any more once a token is revoked, also where it is on the screen", async () => {
    const { page } = await team.open(browser, "dee", QUESTIONS[0] ?? "");
    await page.locator('.picture-frame g[aria-label*="hush"]').waitFor();
    const { access } = team.services("eve");
    const { tokens } = await access.listTokens({});
    const mine = tokens.find(({ principal }) => principal === "dee");
    await access.revokeToken({ id: mine?.id ?? "" });
    const signedOut = page.getByRole("heading", { name: "Sign in to Herdbook" }).waitFor();
    // What the page asks by itself may be refused before the link is there to be pressed.
    await Promise.race([signedOut, page.getByRole("link", { name: "Impact", exact: true }).click()]);
    await signedOut;
    assert.doesNotMatch(await page.content(), HIDDEN);
    await page.context().close();
  });
});

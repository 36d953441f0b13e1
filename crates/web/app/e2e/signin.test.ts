import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, close, launch, open, screenshot } from "./support/browser.ts";
import { methodsOfContract } from "./support/contract.ts";
import { IdentityProvider } from "./support/provider.ts";
import { seedSweep, servicesAt } from "./support/seed.ts";
import { freePort, Server } from "./support/server.ts";

let browser: Browser;
let provider: IdentityProvider;
let server: Server;

before(async () => {
  browser = await launch();
  provider = await IdentityProvider.start();
  const port = await freePort();
  server = await Server.start(
    ...["--auth", "required", "--listen", `127.0.0.1:${port}`, "--public-url", `http://127.0.0.1:${port}`],
    ...["--oidc-issuer", provider.issuer, "--oidc-client-id", "herdbook", "--oidc-name", "Example ID"],
    ...["--oidc-role", "ml=contributor"],
  );
  await seedSweep(servicesAt(server.url, await server.adminToken()));
});

after(async () => {
  await browser?.close();
  await server?.remove();
  provider?.stop();
});

describe("before signing in", () => {
  it("no method of the contract answers anything", async () => {
    const methods = await methodsOfContract();
    assert.ok(methods.length > 100, `${methods.length} methods`);
    for (const path of methods) {
      const answer = await fetch(server.url + path, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto" },
        body: new Uint8Array(5),
      });
      assert.equal(answer.headers.get("grpc-status"), "16", path);
    }
  });

  it("no page, file or door tells of what is there", async () => {
    const pages = ["/", "/experiments", "/experiments/1", "/reports", "/activity", "/team", "/start"];
    const doors = [
      "/api/2.0/mlflow/experiments/search?max_results=10",
      `/files/runs/${"0".repeat(32)}/report.html`,
      "/api/v1/lineage",
    ];
    for (const path of [...pages, ...doors, "/session/ways"]) {
      const answer = await fetch(server.url + path, { headers: { accept: "*/*" } });
      assert.doesNotMatch(await answer.text(), /fraud|payments/, path);
    }
    for (const path of doors.slice(0, 2)) assert.equal((await fetch(server.url + path)).status, 401, path);
  });
});

describe("an identity provider", () => {
  it("signs people in, with the roles of their groups, and back to where they were", async () => {
    provider.claims = { email: "ana@example.com", email_verified: true, groups: ["ml"] };
    const { page } = await open(browser, `${server.url}/experiments?q=fraud`);
    const signIn = page.getByRole("link", { name: "Sign in with Example ID" });
    await signIn.waitFor();
    await assertAccessible(page);
    await screenshot(page, "sign-in");
    await signIn.click();
    await page.getByRole("row").filter({ hasText: "fraud-detector" }).waitFor();
    assert.match(page.url(), /\/experiments\?q=fraud$/);
    assert.equal(await page.evaluate(() => document.cookie), "", "no script can read the session");
    await page.goto(`${server.url}/team`);
    const row = page.getByRole("row").filter({ hasText: "ana@example.com" });
    await row.getByText("contributor").waitFor();
    assert.equal(await page.getByRole("button", { name: "Add a member" }).count(), 0);
    // What is personal is the same in another browser.
    await page.getByTitle(/^theme/).click();
    await page.locator('[data-theme="light"]').waitFor();
    const kept = page.waitForResponse(/SetPreferences/);
    await page.getByTitle(/^theme/).click();
    await kept;
    const second = await open(browser, server.url);
    await second.page.getByRole("link", { name: "Sign in with Example ID" }).click();
    await second.page.locator('[data-theme="dark"]').waitFor();
    await second.page.context().close();
    const cookies = await page.context().cookies();
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn.waitFor();
    // The session is over, and not only forgotten here.
    await page.context().addCookies(cookies);
    await page.reload();
    await signIn.waitFor();
    await page.context().close();
  });

  it("is told why it lets nobody in", async () => {
    provider.claims = { sub: "2", email: "zoe@example.com", email_verified: true, groups: [] };
    const { page, ...rest } = await open(browser, server.url);
    await page.getByRole("link", { name: "Sign in with Example ID" }).click();
    await page
      .getByRole("alert")
      .getByText(/no role in any workspace/)
      .waitFor();
    await assertAccessible(page);
    rest.errors.length = 0;
    await close({ page, ...rest });
  });
});

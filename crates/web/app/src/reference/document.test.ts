import { expect, it } from "vitest";
import { pageNamed, target } from "./document";

it("links between pages become addresses of the app", () => {
  expect(target("check.md#check", "registry/request")).toBe("/reference/registry/check#check");
  expect(target("../common/role.md", "registry/request")).toBe("/reference/common/role");
  expect(target("registry/check.md#listchecks", "")).toBe("/reference/registry/check#listchecks");
  expect(target("../README.md", "registry/request")).toBe("/reference");
});

it("links within a page and to elsewhere stay", () => {
  expect(target("#check", "registry/check")).toBe("#check");
  expect(target("https://example.com/x.md", "registry/check")).toBe("https://example.com/x.md");
});

it("every page that the first one names is there", async () => {
  const index = (await pageNamed("")?.()) ?? "";
  const named = [...index.matchAll(/\]\(([a-z_/]+)\.md/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(30);
  for (const name of named) expect(pageNamed(name ?? "")).toBeDefined();
});

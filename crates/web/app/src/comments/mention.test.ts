import { expect, test } from "vitest";
import { mentionAt, mentionText } from "./mention";

test("a mention begins behind an @ that is no part of an address", () => {
  expect(mentionAt("ask @an", 7)).toEqual({ from: 4, start: "an" });
  expect(mentionAt("@", 1)).toEqual({ from: 0, start: "" });
  expect(mentionAt('(@"An', 5)).toEqual({ from: 1, start: "An" });
  expect(mentionAt("ana@ex", 6)).toBeUndefined();
  expect(mentionAt("@ana is", 7)).toBeUndefined();
  expect(mentionAt("@ana", -1)).toBeUndefined();
});

test("names that need it are quoted", () => {
  expect(mentionText("ci-pipeline")).toBe("@ci-pipeline");
  expect(mentionText("ana@example.com")).toBe("@ana@example.com");
  expect(mentionText("Ana Ruiz")).toBe('@"Ana Ruiz"');
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)].map((found) => [
    found[1] ?? "",
    [found[2] ?? "", found[3] ?? ""] as const,
  ]),
);

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function pair(name: string, theme: 0 | 1): string {
  const colours = tokens.get(name);
  if (!colours) throw new Error(`no token ${name}`);
  return colours[theme];
}

describe.each([
  ["light", 0],
  ["dark", 1],
] as const)("in the %s theme", (_name, theme) => {
  const grounds = ["bg", "bg-soft", "bg-hover", "bg-float", "accent-soft"];

  it.each(["text", "text-soft", "accent", "good", "warn", "bad"])("%s is readable on every ground", (ink) => {
    for (const ground of grounds) {
      expect(contrast(pair(ink, theme), pair(ground, theme)), ground).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("buttons are readable, and edges of controls visible", () => {
    expect(contrast(pair("on-accent", theme), pair("accent", theme))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(pair("line-strong", theme), pair("bg", theme))).toBeGreaterThanOrEqual(3);
  });

  it("each series is visible", () => {
    for (let hue = 0; hue < 10; hue++) {
      expect(contrast(pair(`series-${hue}`, theme), pair("bg", theme)), `${hue}`).toBeGreaterThanOrEqual(3);
    }
  });
});

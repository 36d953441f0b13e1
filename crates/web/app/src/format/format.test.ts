import { expect, it } from "vitest";
import { middle } from "./names";
import { bytes, column, short } from "./numbers";
import { ago, duration } from "./times";

it("shows four significant figures", () => {
  expect(short(0.93412345)).toBe("0.9341");
  expect(short(-12.3456)).toBe("−12.35");
  expect(short(50112)).toBe("50112");
  expect(short(1234567)).toBe("1.235e6");
  expect(short(0.00001)).toBe("1e−5");
  expect(short(Number.NaN)).toBe("NaN");
  expect(short(Number.NEGATIVE_INFINITY)).toBe("−∞");
});

it("gives a column one exponent and one number of decimals", () => {
  const accuracy = column([0.9341, 0.5, Number.NaN]);
  expect([0.9341, 0.5, Number.NaN].map(accuracy)).toEqual(["0.9341", "0.5000", "NaN"]);
  const rate = column([1e-5, 3e-6]);
  expect([1e-5, 3e-6].map(rate)).toEqual(["1.000e−5", "0.300e−5"]);
  expect(column([1, 20, 300])(20)).toBe("20");
});

it("tells times in words", () => {
  expect(duration(9_660_000)).toBe("2 h 41 m");
  expect(duration(1500)).toBe("1.5 s");
  expect(ago(0, 90_000)).toBe("1 min ago");
});

it("tells sizes in the units of file managers", () => {
  expect(bytes(999n)).toBe("999 B");
  expect(bytes(1_234_000n)).toBe("1.23 MB");
});

it("keeps both ends of a long name", () => {
  expect(middle("sweep-2026-lr0.001-seed7", 11)).toBe("sweep…seed7");
  expect(middle("short", 11)).toBe("short");
});

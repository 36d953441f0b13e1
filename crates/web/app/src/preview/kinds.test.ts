import { expect, it } from "vitest";
import { headerSize, kindOf, readCsv, readTensors } from "./kinds";

it.each([
  ["plots/ROC.PNG", "image"],
  ["report.html", "frame"],
  ["model/MLmodel", "text"],
  ["a.b/data.csv", "table"],
  ["nb.ipynb", "notebook"],
  ["weights.safetensors", "tensors"],
  ["model.pkl", undefined],
  ["png", undefined],
])("%s is shown as %s", (path, kind) => expect(kindOf(path)).toBe(kind));

it("reads fields in quotes, with separators, quotes and ends of lines in them", () => {
  expect(readCsv('a,b\r\n"x, ""y""",2\n"two\nlines",3', ",", false)).toEqual([
    ["a", "b"],
    ['x, "y"', "2"],
    ["two\nlines", "3"],
  ]);
  expect(readCsv("a\tb\n1\t2\n3", "\t", true)).toEqual([
    ["a", "b"],
    ["1", "2"],
  ]);
});

it("reads what a file of tensors has in it", () => {
  const header = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}';
  expect(readTensors(header)).toEqual({
    tensors: [{ name: "w", dtype: "F32", shape: [2, 3] }],
    metadata: { format: "pt" },
  });
  expect(headerSize(new Uint8Array([88, 1, 0, 0, 0, 0, 0, 0, 123]))).toBe(344);
  expect(headerSize(new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255]))).toBeUndefined();
});

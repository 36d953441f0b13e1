import { describe, expect, test } from "vitest";
import { readPanel } from "./panel";
import { piecesOf } from "./pieces";

describe("a panel", () => {
  test("says what it shows", () => {
    const read = readPanel(
      "panel: chart\nexperiment: fraud-detector\nfilter: params.opt = 'adam'\nmetrics: train/loss, val/loss\nlog: y\nsmooth: 0.6\n",
    );
    expect(read).toEqual({
      kind: "chart",
      experiment: "fraud-detector",
      filter: "params.opt = 'adam'",
      order: "",
      limit: 10,
      metrics: ["train/loss", "val/loss"],
      x: "step",
      smooth: 0.6,
      logX: false,
      logY: true,
    });
    expect(readPanel("panel: version\nversion: a@Production")).toEqual({
      kind: "version",
      reference: "a@Production",
    });
    expect(readPanel('panel: runs\nexperiment: 3\ncolumns: params."a,b", metrics.acc')).toMatchObject({
      experiment: "3",
      columns: ['params."a,b"', "metrics.acc"],
    });
  });

  test.each([
    ["", "empty"],
    ["chart", "line 1"],
    ["panel: pie", "the first line"],
    ["panel: chart\nexperiment: a", "which metrics"],
    ["panel: chart\nmetrics: a", "which experiment"],
    ["panel: chart\nexperiment: a\nmetric: b", "line 3: a panel of chart has no “metric”"],
    ["panel: chart\nexperiment: a\nexperiment: b", "twice"],
    ["panel: runs\nexperiment: a\nlimit: 1000", "1 to 200"],
    ["panel: chart\nexperiment: a\nmetrics: b\nsmooth: 2", "0.999"],
    ["panel: version", "which one"],
  ])("%j is told what is wrong", (text, what) => {
    expect(readPanel(text)).toMatchObject({ wrong: expect.stringContaining(what) });
  });
});

test("a report is text and panels in turn", () => {
  const pieces = piecesOf(
    "# A\n\ntext\n\n```herdbook\npanel: runs\nexperiment: a\n```\n\n```python\nx\n```\n",
  );
  expect(pieces.map(({ kind }) => kind)).toEqual(["text", "panel", "text"]);
  expect(pieces[1]?.text).toBe("panel: runs\nexperiment: a");
  expect(pieces[2]?.text).toContain("```python");
  expect(piecesOf("> ```herdbook\n> panel: runs\n> ```")).toHaveLength(1);
});

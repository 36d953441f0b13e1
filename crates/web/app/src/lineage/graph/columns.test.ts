import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ColumnImpactSchema,
  ColumnLinksSchema,
  FoundColumnSchema,
} from "../../generated/herdbook/lineage/v1/column_pb";
import { howOf, ofColumns } from "./columns";

const raw = { kind: "dataset", name: "raw", version: "1" };
const clean = { kind: "dataset", name: "clean", version: "1" };
const version = { kind: "model_version", name: "fraud", version: "3" };
const found = {
  columns: [
    create(FoundColumnSchema, { column: { node: raw, field: "amount" }, depth: 0 }),
    create(FoundColumnSchema, { column: { node: clean, field: "amount" }, depth: 1 }),
    create(FoundColumnSchema, { column: { node: clean, field: "share" }, depth: 1 }),
  ],
  links: [
    create(ColumnLinksSchema, {
      source: raw,
      target: clean,
      links: [
        { sourceField: "amount", targetField: "amount", type: "DIRECT", subtype: "IDENTITY" },
        { sourceField: "amount", targetField: "share", type: "DIRECT" },
      ],
    }),
  ],
  truncated: false,
};

describe("a picture of columns", () => {
  it("has a shape a column, what was asked about first, and how each came from another", () => {
    const { members, links, focus, places } = ofColumns(found, [], 1, 100);
    expect([...members.values()].map(({ key, depth }) => [key.name, depth])).toEqual([
      ["amount", 0],
      ["amount", 1],
      ["share", 1],
    ]);
    expect([...focus].map((id) => places.get(id))).toMatchObject([
      { node: { name: "raw" }, field: "amount" },
    ]);
    expect(links.map(({ label }) => label)).toEqual(["direct · identity", "direct"]);
  });

  it("goes on to the versions that descend from a column", () => {
    const impact = create(ColumnImpactSchema, {
      version: { key: version, attributes: { stage: "Production" } },
      path: [
        { node: raw, field: "amount" },
        { node: clean, field: "amount" },
        { node: version, field: "" },
      ],
    });
    const { members, links } = ofColumns(found, [impact], 1, 100);
    expect(members.get("model_version:fraud@3")?.node.attributes["stage"]).toBe("Production");
    expect(links.some(({ target }) => target === "model_version:fraud@3")).toBe(true);
  });

  it("has the nearest columns, and no line that leads to none", () => {
    const { members, links, truncated } = ofColumns(found, [], 1, 2);
    expect(members.size).toBe(2);
    expect(links).toHaveLength(1);
    expect(truncated).toBe(true);
  });

  it("counts what came before backwards", () => {
    const depths = [...ofColumns(found, [], -1, 100).members.values()].map(({ depth }) => depth);
    expect(depths).toEqual([0, -1, -1]);
  });
});

it("says how a column came from another", () => {
  expect(howOf({ type: "DIRECT", subtype: "TRANSFORMATION", masking: true })).toBe(
    "direct · transformation · masked",
  );
  expect(howOf({ type: "", subtype: "" })).toBe("");
});

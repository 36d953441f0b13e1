import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { PolicySchema } from "../generated/herdbook/registry/v1/model_pb";
import { placed, policyYaml, readPolicy } from "./yaml";

const policy = create(PolicySchema, {
  revision: 4n,
  stages: [{ name: "None" }, { name: "Production", exclusive: true }],
  moves: [
    {
      from: "*",
      to: "Production",
      rules: [
        {
          name: "good",
          rule: { case: "metricThreshold", value: { metric: "acc", comparison: 1, threshold: 0.9 } },
        },
      ],
    },
  ],
});

it("writes a policy by the names of the contract, and reads it back", () => {
  const text = policyYaml(policy);
  expect(text).toContain("metric_threshold:");
  expect(text).not.toContain("revision");
  const read = readPolicy(text);
  expect("policy" in read && read.policy.moves[0]?.rules[0]?.rule.case).toBe("metricThreshold");
});

it("says at which line a text is no YAML, or no policy", () => {
  expect(readPolicy("stages:\n  - name: [\n")).toMatchObject({ faults: [{}] });
  expect(readPolicy("stages:\n  - name: A\n    colour: red\n")).toMatchObject({ faults: [{ line: 3 }] });
});

it("places what the server says by the path of the field", () => {
  const text = policyYaml(policy);
  const at = (field: string) => {
    const line = placed(text, [{ field, description: "wrong" }])[0]?.line ?? 0;
    return text.split("\n")[line - 1]?.trim();
  };
  expect(at("policy.moves[0].rules[0].metric_threshold.threshold")).toBe("threshold: 0.9");
  expect(at("policy.stages[1].name")).toBe("- name: Production");
  // What is not there is told at what it would be in.
  expect(at("policy.stages[0].displaced_to")).toBe("- name: None");
});

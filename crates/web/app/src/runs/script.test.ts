import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunSchema } from "../generated/herdbook/tracking/v1/run_pb";
import { scriptOf } from "./script";

it("is a script in which nothing of the run is taken for more than a word", () => {
  const run = create(RunSchema, {
    source: {
      repository: "https://git.example.com/a.git; rm -rf /",
      commit: "abc",
      dirty: true,
      command: ["python", "train.py", "--note", "it's"],
    },
    environment: { pythonVersion: "3.12.4", platform: "linux", requirements: ["numpy==2.1.0"] },
  });
  expect(scriptOf(run)?.split("\n")).toEqual([
    "git clone 'https://git.example.com/a.git; rm -rf /' herdbook-run && cd herdbook-run",
    "git checkout abc",
    "# It had changes that the commit lacks.",
    "# If they are among its artifacts, save that file here and apply it:",
    "# git apply changes.diff",
    "# Python 3.12.4 on linux",
    "python3 -m venv .venv && . .venv/bin/activate",
    "pip install numpy==2.1.0",
    "python train.py --note 'it'\\''s'",
  ]);
});

it("is none for a run that says nothing of its code", () => {
  expect(scriptOf(create(RunSchema, {}))).toBeUndefined();
});

import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { LineCounter, parseDocument, stringify } from "yaml";
import type { Violation } from "../api/errors";
import { type Policy, PolicySchema } from "../generated/herdbook/registry/v1/model_pb";

/** Something wrong with a policy that is being written, and where: lines count from 1. */
export interface Fault {
  line: number;
  message: string;
}

/** A policy as `herdbook policies export` writes it: by the names of the contract, without its revision. */
export function policyYaml(policy: Policy): string {
  const json = toJson(PolicySchema, policy, { useProtoFieldName: true }) as Record<string, JsonValue>;
  delete json["revision"];
  return stringify(json, { lineWidth: 0 });
}

/** Reads a policy, or says what cannot be read of it. */
export function readPolicy(text: string): { policy: Policy } | { faults: Fault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length)
    return {
      faults: document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        message: error.message,
      })),
    };
  try {
    return { policy: fromJson(PolicySchema, document.toJS() as JsonValue) };
  } catch (error) {
    const message = (error as Error).message.replaceAll("herdbook.registry.v1.", "");
    // The reader names the key that it does not know, or the field whose value it does not take.
    const named = /key "([^"]+)"|field \S*\.(\w+)|"([^"]+)"/.exec(message);
    return { faults: [{ line: lineOfWord(text, named?.[1] ?? named?.[2] ?? named?.[3]), message }] };
  }
}

/** Where the server's complaints about a policy stand in its text. */
export function placed(text: string, violations: readonly Violation[]): Fault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  return violations.map(({ field, description }) => {
    const path = pathOf(field);
    // What is missing has no place: its parent has.
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return { line: lines.linePos(node.range[0]).line, message: description };
    }
    return { line: 1, message: `${field}: ${description}` };
  });
}

/** `policy.moves[0].rules[1].name` as the steps that lead to it. */
function pathOf(field: string): (string | number)[] {
  return [...field.replace(/^policy\.?/, "").matchAll(/\w+/g)].map(([part]) =>
    /^\d+$/.test(part) ? Number(part) : part,
  );
}

function lineOfWord(text: string, word: string | undefined): number {
  const at = word === undefined ? -1 : text.split("\n").findIndex((line) => line.includes(word));
  return Math.max(0, at) + 1;
}

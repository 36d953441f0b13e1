import { type Fields, fieldOf } from "../table/columns";

/** What may stand where the caret is. */
export interface Completion {
  /** The part of the text that is replaced. */
  from: number;
  to: number;
  choices: string[];
}

const CHOICES = 50;
const ATTRIBUTES = ["run_id", "name", "status", "user", "started_at", "ended_at", "parent_run_id"].map(
  (name) => `attributes.${name}`,
);
const INPUTS = ["inputs.name", "inputs.digest"];
const OPERATORS = ["=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN (", "IS NULL", "IS NOT NULL"];
const STATUSES = ["'running'", "'finished'", "'failed'", "'killed'", "'scheduled'"];

/** A word of a filter: a text in quotes, a field, a number, an operator. */
const WORD =
  /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`[^`]*`?|[<>=!]+|[(),]|[^\s<>=!(),'"`]+(?:"[^"]*"?|`[^`]*`?)?(?:\.min|\.max)?/g;

/** The word before the caret, if one is being written. */
export function wordAt(text: string, caret: number): string {
  const last = [...text.slice(0, caret).matchAll(WORD)].at(-1);
  return last && last.index + last[0].length === caret ? last[0] : "";
}

/** What may be meant at the caret of a filter that is being written. */
export function complete(text: string, caret: number, fields: Fields): Completion {
  const before = [...text.slice(0, caret).matchAll(WORD)].map((word) => ({ text: word[0], at: word.index }));
  const last = before.at(-1);
  const typing = last && last.at + last.text.length === caret ? last : undefined;
  const done = (typing ? before.slice(0, -1) : before).map((word) => word.text);
  const from = typing?.at ?? caret;
  const rest = /^[\w./-]*/.exec(text.slice(caret))?.[0] ?? "";
  const part = (typing?.text ?? "").toLowerCase();
  const fitting = choicesAfter(done, fields).filter((choice) => {
    const candidate = choice.toLowerCase();
    return (
      candidate !== part && (candidate.startsWith(part) || (part.length > 1 && candidate.includes(part)))
    );
  });
  fitting.sort((a, b) => Number(b.toLowerCase().startsWith(part)) - Number(a.toLowerCase().startsWith(part)));
  return { from, to: typing ? caret + rest.length : caret, choices: fitting.slice(0, CHOICES) };
}

function choicesAfter(words: readonly string[], fields: Fields): string[] {
  const [before = "", last = ""] = [words.at(-2), words.at(-1)];
  if (isField(last) || fields.attributes?.includes(last)) return OPERATORS;
  if ((isField(before) || fields.attributes?.includes(before)) && isOperator(last))
    return before === "attributes.status" ? STATUSES : [];
  if (last !== "" && !/^(and|or|not|\()$/i.test(last)) return ["AND", "OR"];
  if (fields.attributes) return [...fields.attributes, ...fields.tags.map((key) => fieldOf("tags", key))];
  return [
    ...fields.metrics.map((key) => fieldOf("metrics", key)),
    ...fields.params.map((key) => fieldOf("params", key)),
    ...fields.tags.map((key) => fieldOf("tags", key)),
    ...ATTRIBUTES,
    ...INPUTS,
  ];
}

function isField(word: string): boolean {
  return /^(metrics|params|tags|attributes|inputs)\./.test(word);
}

function isOperator(word: string): boolean {
  return /^([<>=!]+|like|ilike)$/i.test(word);
}

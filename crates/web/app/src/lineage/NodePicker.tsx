import { useEffect, useMemo, useState } from "react";
import { Combo } from "../frame/search/Combo";
import { findNodes, findRuns, findVersions, type Hit, type Source } from "../frame/search/sources";
import { useHits } from "../frame/search/useHits";
import { kindWords } from "./nodes";

interface Props {
  label: string;
  /** The node, as the address has it. */
  value: string;
  onTake: (reference: string) => void;
  /** Kinds that make sense here; all if empty. */
  kinds?: readonly string[];
  wrong?: boolean;
}

const NO_KINDS: readonly string[] = [];

/** A box for a node: found by its name, or written whole as `kind:name@version` or `model@Production`. */
export function NodePicker({ label, value, onTake, kinds = NO_KINDS, wrong }: Props) {
  const [text, setText] = useState(value);
  const [typing, setTyping] = useState(false);
  useEffect(() => setText(value), [value]);
  const sources = useMemo(() => sourcesOf(kinds), [kinds]);
  const { groups, busy, failed } = useHits(typing ? text : "", sources);
  const open = typing && text.trim() !== "";
  const take = (reference: string) => {
    setTyping(false);
    setText(reference);
    if (reference.trim()) onTake(reference.trim());
  };
  const status = busy
    ? "Looking…"
    : failed.length > 0
      ? `${failed.join(", ")} could not be looked through`
      : groups.length === 0
        ? "Nothing is recorded under a name like that. Enter takes it as it is written."
        : "";
  return (
    <span className="field picker">
      {label}
      <Combo
        label={label}
        placeholder={
          kinds.length === 1
            ? `name of a ${kindWords(kinds[0] ?? "").one}`
            : "name, model@Production, kind:name@version"
        }
        text={text}
        onText={(next) => {
          setText(next);
          setTyping(true);
        }}
        groups={groups}
        open={open}
        status={status}
        onTake={(hit: Hit) => take(hit.node ?? "")}
        onEnter={take}
        onClose={() => setTyping(false)}
        floats
        wrong={wrong}
      />
    </span>
  );
}

/** Runs and versions are found by what people call them, the others by what lineage does. */
function sourcesOf(kinds: readonly string[]): Source[] {
  const wants = (kind: string) => kinds.length === 0 || kinds.includes(kind);
  const own = new Set(["run", "model_version"]);
  const others = kinds.filter((kind) => !own.has(kind));
  return [
    ...(wants("model_version") ? [{ name: "Model versions", find: findVersions }] : []),
    ...(kinds.length === 0 || others.length > 0
      ? [
          {
            name: "Data, code and others",
            find: async (text: string, signal: AbortSignal) =>
              (await findNodes(text, others, signal)).filter(
                ({ node }) => !own.has(node?.split(":", 1)[0] ?? ""),
              ),
          },
        ]
      : []),
    ...(wants("run") ? [{ name: "Runs", find: findRuns }] : []),
  ];
}

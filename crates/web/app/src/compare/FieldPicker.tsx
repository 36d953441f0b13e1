import { useEffect, useId, useState } from "react";
import { useAnswer } from "../api/answer";
import { listFields, nameOf, type Scope } from "../api/fields";
import { RunFieldKind } from "../generated/herdbook/tracking/v1/run_pb";

interface Props {
  label: string;
  scope: Scope;
  value: string;
  onChange: (field: string) => void;
  kinds?: readonly RunFieldKind[];
  /** What it says when nothing is chosen. */
  placeholder?: string;
}

const CHOICES = 50;
const PAUSE_MS = 150;

/** A field of the runs by a part of its name: the server is asked for the names, of which there may be thousands. */
export function FieldPicker({ label, scope, value, onChange, kinds, placeholder = "" }: Props) {
  const [text, setText] = useState(value);
  const [typed, setTyped] = useState<string>();
  const [meant, setMeant] = useState<string>();
  const list = useId();
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => setTyped(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  const part = (typed ?? "").replace(/^(metrics|params|tags)\./, "").replaceAll('"', "");
  const { data: found, stale } = useAnswer(
    typed === undefined ? undefined : `pick ${scope.experimentIds} ${scope.filter} ${kinds} ${part}`,
    async (signal) => {
      const lists = await Promise.all(
        (kinds ?? [RunFieldKind.METRIC, RunFieldKind.PARAM]).map((kind) =>
          listFields(scope, { kind, contains: part, most: CHOICES }, signal),
        ),
      );
      return lists.flatMap(({ fields }) => fields.map(nameOf));
    },
  );
  useEffect(() => {
    // What is meant is known to be a field, or not, when the server has answered for it.
    if (meant === undefined || typed !== meant || stale) return;
    setMeant(undefined);
    if (meant !== value && (meant === "" || found?.includes(meant))) onChange(meant);
    else setText(value);
  }, [meant, typed, stale, found]);
  const mean = (field: string) => {
    setTyped(field);
    setMeant(field);
  };
  return (
    <label className="field">
      {label}
      <input
        className="input"
        list={list}
        value={text}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        onFocus={(event) => {
          setTyped("");
          event.target.select();
        }}
        onChange={(event) => {
          setText(event.target.value);
          // Taken from the list, and not typed.
          if (found?.includes(event.target.value) && !(event.nativeEvent as InputEvent).data) {
            mean(event.target.value);
          }
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") mean(text.trim());
        }}
        onBlur={() => text !== value && mean(text.trim())}
      />
      <datalist id={list}>
        {found?.map((field) => (
          <option key={field} value={field} />
        ))}
      </datalist>
    </label>
  );
}

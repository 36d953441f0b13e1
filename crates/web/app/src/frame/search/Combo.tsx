import { type KeyboardEvent, type ReactNode, type Ref, useEffect, useId, useState } from "react";
import { middle } from "../../format/names";
import "./search.css";

/** What may be chosen. */
export interface Choice {
  id: string;
  title: string;
  detail: string;
}

export interface ChoiceGroup<T extends Choice> {
  name: string;
  choices: readonly T[];
}

interface Props<T extends Choice> {
  label: string;
  placeholder?: string;
  text: string;
  onText: (text: string) => void;
  groups: readonly ChoiceGroup<T>[];
  /** Whether the list is shown. */
  open: boolean;
  /** What is said of the list: that it is being made, or that nothing was found. */
  status: string;
  onTake: (choice: T) => void;
  /** Enter with nothing chosen. */
  onEnter?: ((text: string) => void) | undefined;
  onClose?: (() => void) | undefined;
  /** Whether the first is chosen by itself. */
  eager?: boolean;
  floats?: boolean;
  input?: Ref<HTMLInputElement>;
  wrong?: boolean | undefined;
  children?: ReactNode;
}

/** A box with a list of what may be meant, by the pattern of WAI-ARIA: the focus stays in the box. */
export function Combo<T extends Choice>(props: Props<T>) {
  const { label, text, groups, open, eager } = props;
  const list = useId();
  const choices = groups.flatMap((group) => group.choices);
  const [chosen, setChosen] = useState<string>();
  const found = choices.findIndex(({ id }) => id === chosen);
  const at = found < 0 && eager && choices.length > 0 ? 0 : found;
  useEffect(() => setChosen(undefined), [text]);
  const optionId = (place: number) => `${list}-${place}`;
  useEffect(() => {
    if (open && at >= 0) document.getElementById(`${list}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [open, at, list]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      const next =
        at < 0 && by < 0 ? choices.length - 1 : (at + by + choices.length) % Math.max(1, choices.length);
      setChosen(choices[next]?.id);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const choice = open ? choices[at] : undefined;
      if (choice) props.onTake(choice);
      else props.onEnter?.(text);
    } else if (event.key === "Escape" && open && props.onClose) {
      event.preventDefault();
      event.stopPropagation();
      props.onClose();
    }
  };
  let place = -1;
  return (
    <div className="combo">
      <input
        ref={props.input}
        className="input"
        role="combobox"
        aria-label={label}
        aria-expanded={open}
        aria-controls={list}
        aria-activedescendant={open && at >= 0 ? optionId(at) : undefined}
        aria-autocomplete="list"
        aria-invalid={props.wrong || undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={props.placeholder}
        value={text}
        onChange={(event) => props.onText(event.target.value)}
        onKeyDown={onKey}
        onBlur={props.floats ? () => props.onClose?.() : undefined}
      />
      {props.children}
      {open && (
        <div
          id={list}
          role="listbox"
          aria-label={label}
          className={props.floats ? "float combo-list" : "combo-list"}
        >
          {groups.map((group) => (
            <div key={group.name} role="group" aria-label={group.name}>
              <div className="combo-group soft" aria-hidden="true">
                {group.name}
              </div>
              {group.choices.map((choice) => {
                place += 1;
                const here = place;
                return (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: its keys are those of the box
                  <div
                    key={choice.id}
                    id={optionId(here)}
                    role="option"
                    aria-selected={here === at}
                    onMouseDown={(event) => event.preventDefault()}
                    onMouseMove={() => here !== at && setChosen(choice.id)}
                    onClick={() => props.onTake(choice)}
                  >
                    <span className="combo-title">{middle(choice.title, 60)}</span>
                    <span className="soft">{middle(choice.detail, 60)}</span>
                  </div>
                );
              })}
            </div>
          ))}
        </div>
      )}
      <div role="status" className={open ? "combo-status soft" : "hidden-text"}>
        {open && props.status}
      </div>
    </div>
  );
}

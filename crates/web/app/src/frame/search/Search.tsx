import { useEffect, useMemo, useRef, useState } from "react";
import { hrefTo, navigate } from "../../state/url";
import { actions } from "../shortcuts";
import { type Choice, type ChoiceGroup, Combo } from "./Combo";
import { recent } from "./recent";
import { type Hit, SOURCES } from "./sources";
import { useHits } from "./useHits";

interface Action extends Choice {
  run: () => void;
}

/** Finds anything by its name, and does anything that a key does: for as long as it is open. */
export default function Search({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const { groups: found, busy, failed } = useHits(text, SOURCES);
  // What was there when it was opened: it is not on the page that it lies over.
  const [visited] = useState(recent);
  const [all] = useState(actions);
  useEffect(() => dialog.current?.showModal(), []);

  const term = text.trim().toLowerCase();
  const groups = useMemo(() => {
    const words = term.split(/\s+/);
    const says = ({ title, detail }: Choice) =>
      words.every((word) => `${title} ${detail}`.toLowerCase().includes(word));
    const keys: ChoiceGroup<Hit | Action> = {
      name: "Actions",
      choices: all
        .map(({ keys, what, run }) => ({ id: `action ${keys}`, title: what, detail: keys, run }))
        .filter(says),
    };
    const before: ChoiceGroup<Hit | Action> = { name: "Recent", choices: visited.filter(says) };
    const order = [before, ...(found as ChoiceGroup<Hit | Action>[]), keys];
    return order.filter(({ choices }) => choices.length > 0);
  }, [term, all, visited, found]);
  const take = (choice: Hit | Action) => {
    onClose();
    if ("run" in choice) choice.run();
    else navigate(hrefTo(choice.to, choice.query));
  };
  const number = groups.reduce((sum, { choices }) => sum + choices.length, 0);
  const status = busy
    ? "Looking…"
    : failed.length > 0
      ? `${failed.join(", ")} could not be looked through`
      : number === 0
        ? `Nothing is called “${text.trim()}”. Try a part of the name, or the beginning of an id or a digest.`
        : "";
  return (
    <dialog
      ref={dialog}
      className="search"
      aria-label="Search"
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      onKeyDown={() => {}}
    >
      <Combo
        label="Find experiments, runs, models, versions, data and actions"
        placeholder="find anything by name, id or digest"
        text={text}
        onText={setText}
        groups={groups}
        open
        eager
        status={status}
        onTake={take}
      />
    </dialog>
  );
}

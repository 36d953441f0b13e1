import { useCallback, useMemo } from "react";
import { count } from "../format/numbers";
import { listOf, listText, setQuery, usePlace } from "../state/url";
import { Picture } from "./graph/Picture";
import { byKind, ofKinds, type Pedigree } from "./graph/pedigree";
import { outline } from "./graph/shapes";
import { NodeSheet } from "./NodeSheet";
import { KINDS, kindWords } from "./nodes";

interface Props {
  /** What it answers. */
  question: string;
  pedigree: Pedigree;
  path?: Pick<Pedigree, "members" | "links"> | undefined;
  marks?: ReadonlyMap<string, string> | undefined;
  name: string;
}

export const KIND_ORDER = Object.keys(KINDS);

/** The picture of an answer, which kinds it shows, and what is known of the node that was picked. */
export function Explorer({ question, pedigree, path, marks, name }: Props) {
  const { query } = usePlace();
  const kindsText = query.get("kinds") ?? "";
  const kinds = useMemo(() => listOf(new URLSearchParams({ kinds: kindsText }), "kinds"), [kindsText]);
  const shown = useMemo(() => ofKinds(pedigree, kinds), [pedigree, kinds]);
  const groups = useMemo(() => byKind(pedigree, KIND_ORDER), [pedigree]);
  const way = useMemo(() => path && within(shown, path), [shown, path]);
  const open = listOf(query, "open");
  const picked = query.get("pick") ?? undefined;
  const member = picked === undefined ? undefined : pedigree.members.get(picked);
  const pick = useCallback((id: string | undefined) => setQuery({ pick: id }), []);
  const setOpen = useCallback((next: string[]) => setQuery({ open: listText(next) }), []);
  const toggle = (kind: string) => {
    const next = kinds.includes(kind) ? kinds.filter((one) => one !== kind) : [...kinds, kind];
    setQuery({ kinds: listText(next), open: undefined });
  };
  return (
    <section aria-label="Picture" className={member ? "explorer with-sheet" : "explorer"}>
      <fieldset className="kinds">
        <legend className="hidden-text">Show only these kinds</legend>
        {groups.map(([kind, members]) => (
          <button
            key={kind}
            type="button"
            className="button"
            aria-pressed={kinds.includes(kind)}
            onClick={() => toggle(kind)}
            title={kinds.includes(kind) ? "show it no longer" : "show only this kind, and others pressed"}
          >
            <svg viewBox="-96 -28 192 56" aria-hidden="true">
              <path d={outline(kind)} />
            </svg>
            {kindWords(kind).many} <span className="soft">{count(members.length)}</span>
          </button>
        ))}
      </fieldset>
      <Picture
        question={`${question} ${kindsText}`}
        pedigree={shown}
        path={way}
        marks={marks}
        open={open}
        onOpen={setOpen}
        picked={picked}
        onPick={pick}
        name={name}
      />
      {member && <NodeSheet key={member.id} member={member} onClose={() => pick(undefined)} />}
    </section>
  );
}

/** Of a way, what the picture has. */
function within(pedigree: Pedigree, path: Pick<Pedigree, "members" | "links">) {
  const members = new Map([...path.members].filter(([id]) => pedigree.members.has(id)));
  const links = [...path.links, ...pedigree.links].filter(
    ({ source, target }) => members.has(source) && members.has(target),
  );
  return { members, links };
}

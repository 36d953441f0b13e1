import { useEffect, useState } from "react";
import { useAnswer } from "../../api/answer";
import type { ChoiceGroup } from "./Combo";
import type { Hit, Source } from "./sources";

/** A pause in typing after which one asks. */
const PAUSE_MS = 120;

export interface Hits {
  groups: ChoiceGroup<Hit>[];
  busy: boolean;
  /** Names of the sources that could not be asked. */
  failed: string[];
}

/** What the sources have by that name, each as soon as it answers; what was found before stays until then. */
export function useHits(text: string, sources: readonly Source[]): Hits {
  const [asked, setAsked] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const term = asked.trim();
  const [found, setFound] = useState<Record<string, { hits: Hit[]; failed: boolean }>>({});
  const key = sources.map(({ name }) => name).join();
  const answer = useAnswer(term ? `hits ${key} ${term}` : undefined, async (signal) => {
    await Promise.all(
      sources.map(async ({ name, find }) => {
        const outcome = await find(term, signal).then(
          (hits) => ({ hits, failed: false }),
          () => ({ hits: [], failed: true }),
        );
        if (!signal.aborted) setFound((before) => ({ ...before, [name]: outcome }));
      }),
    );
    return term;
  });
  const groups = term
    ? sources.flatMap(({ name }) => {
        const choices = found[name]?.hits ?? [];
        return choices.length ? [{ name, choices }] : [];
      })
    : [];
  return {
    groups,
    busy: text.trim() !== "" && (answer.data !== text.trim() || answer.stale),
    failed: sources.map(({ name }) => name).filter((name) => found[name]?.failed),
  };
}

/** What can be asked, each with a page of its own. */
export interface Question {
  path: string;
  /** On a button. */
  short: string;
  /** Where one looks for what to ask. */
  long: string;
  /** Kinds of nodes that it is asked of; all if empty. */
  kinds: readonly string[];
}

const MADE = ["model_version", "run"];
const DATA = ["dataset", "feature_set"];

export const QUESTIONS = [
  { path: "/lineage", short: "Pedigree", long: "Where does it come from, and what came of it?", kinds: [] },
  { path: "/lineage/data", short: "Its data", long: "What data trained it?", kinds: MADE },
  {
    path: "/lineage/impact",
    short: "Impact",
    long: "Which versions in Production descend from it?",
    kinds: [...DATA, "code", "environment", "run", "artifact", "model_version", "pipeline"],
  },
  { path: "/lineage/proof", short: "Proof", long: "Prove that no biased data went into it.", kinds: MADE },
  {
    path: "/lineage/reproduce",
    short: "Reproduce",
    long: "What does it take to make it again?",
    kinds: MADE,
  },
  {
    path: "/lineage/diff",
    short: "Difference",
    long: "What differs in what two of them came from?",
    kinds: MADE,
  },
  { path: "/lineage/path", short: "Way", long: "How did one thing get into another?", kinds: [] },
  { path: "/lineage/columns", short: "Columns", long: "Where does a column come from, and go?", kinds: DATA },
] as const satisfies readonly Question[];

/** Those that are asked of nodes of a kind. */
export function questionsFor(kind: string): Question[] {
  return QUESTIONS.filter(({ kinds }: Question) => kinds.length === 0 || kinds.includes(kind));
}

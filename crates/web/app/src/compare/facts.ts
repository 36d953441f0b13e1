import type { Run } from "../generated/herdbook/tracking/v1/run_pb";

/** A row of what runs ran and in what: which is not searched for, and comes with the runs. */
export interface Fact {
  section: "Code" | "Environment" | "Inputs";
  label: string;
  /** One a run. */
  values: (string | undefined)[];
}

const SHELL_PLAIN = /^[\w@%+=:,./-]+$/;

/** The code, the environment and the data of runs, row by row. */
export function factsOf(runs: readonly Run[]): Fact[] {
  const code = (label: string, value: (run: Run) => string | undefined): Fact => ({
    section: "Code",
    label,
    values: runs.map((run) => value(run) || undefined),
  });
  const environment = (label: string, value: (run: Run) => string | undefined): Fact => ({
    ...code(label, value),
    section: "Environment",
  });
  return [
    code("repository", (run) => run.source?.repository),
    code("branch", (run) => run.source?.branch),
    code("commit", (run) => run.source?.commit),
    code("changes", (run) => run.source?.diffDigest || (run.source?.dirty ? "not committed" : undefined)),
    code("entry point", (run) => run.source?.entryPoint),
    code("command", (run) => run.source?.command.map(quoted).join(" ")),
    environment("Python", (run) => run.environment?.pythonVersion),
    environment("platform", (run) => run.environment?.platform),
    ...byName("Environment", runs, (run) => (run.environment?.requirements ?? []).map(packageOf)),
    ...byName("Inputs", runs, (run) =>
      run.inputs.map(({ dataset, context }) => [
        [dataset?.name, context].filter(Boolean).join(", "),
        dataset?.digest || dataset?.uri || "read",
      ]),
    ),
  ].filter(({ values }) => values.some((value) => value !== undefined));
}

/** Whether all runs have the same of a fact. */
export function isSame(fact: Fact): boolean {
  return new Set(fact.values).size <= 1;
}

/** A row for each name that any run has. */
function byName(
  section: Fact["section"],
  runs: readonly Run[],
  pairsOf: (run: Run) => (readonly [string, string])[],
): Fact[] {
  const maps = runs.map((run) => new Map(pairsOf(run)));
  const names = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
  return names.map((label) => ({ section, label, values: maps.map((map) => map.get(label)) }));
}

/** `numpy==2.1.0` as a name and a version. */
function packageOf(requirement: string): readonly [string, string] {
  const [, name = requirement, version = ""] = /^([\w.[\]-]+)\s*(.*)$/.exec(requirement) ?? [];
  return [name, version.replace(/^==/, "") || "any"];
}

/** A word of a command line, as a shell reads it. */
export function quoted(word: string): string {
  return SHELL_PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

import { RunStatus } from "../generated/herdbook/tracking/v1/run_pb";

const LOOKS: Record<RunStatus, { mark: string; word: string; tone: string }> = {
  [RunStatus.UNSPECIFIED]: { mark: "·", word: "unknown", tone: "soft" },
  [RunStatus.SCHEDULED]: { mark: "◌", word: "scheduled", tone: "soft" },
  [RunStatus.RUNNING]: { mark: "▶", word: "running", tone: "accent" },
  [RunStatus.FINISHED]: { mark: "✓", word: "finished", tone: "good" },
  [RunStatus.FAILED]: { mark: "✗", word: "failed", tone: "bad" },
  [RunStatus.KILLED]: { mark: "■", word: "killed", tone: "warn" },
};

/** How a run stands, as a shape and a word; in tables the word is for hovering and for those who listen. */
export function Status({ status, words = false }: { status: RunStatus; words?: boolean }) {
  const { mark, word, tone } = LOOKS[status];
  return (
    <span className={`status ${tone}`} title={word}>
      <span aria-hidden="true">{mark}</span>
      <span className={words ? undefined : "hidden-text"}>{words ? ` ${word}` : word}</span>
    </span>
  );
}

import type { Decision, RuleVerdict } from "../../generated/herdbook/registry/v1/transition_pb";
import "./checklist.css";

/** The rules of a move, each with what was found. */
export function Checklist({ decision, stale }: { decision: Decision; stale?: boolean }) {
  const { verdicts } = decision;
  if (verdicts.length === 0)
    return <p className="soft checklist-none">The policy asks nothing of this move.</p>;
  return (
    <ul className={stale ? "checklist stale" : "checklist"} aria-label="Rules">
      {verdicts.map((verdict) => (
        <Rule key={verdict.rule} verdict={verdict} />
      ))}
    </ul>
  );
}

function Rule({ verdict }: { verdict: RuleVerdict }) {
  const { passed, requirement, evidence, remedy, rule } = verdict;
  return (
    <li className={passed ? "passed" : "failed"}>
      <span className={passed ? "tick good" : "tick bad"} role="img" aria-label={passed ? "holds" : "fails"}>
        {passed ? "✓" : "✗"}
      </span>
      <div>
        <div className="requirement">
          {requirement} <span className="soft rule-name">{rule}</span>
        </div>
        <div className="soft evidence">{evidence}</div>
        {!passed && remedy && <div className="remedy">→ {remedy}</div>}
      </div>
    </li>
  );
}

/** How many rules fail. */
export function failing(decision: Decision): number {
  return decision.verdicts.filter((verdict) => !verdict.passed).length;
}

import { roleName } from "../api/caller";
import { duration } from "../format/times";
import { Comparison, type Rule } from "../generated/herdbook/registry/v1/model_pb";
import { Direction } from "../generated/herdbook/registry/v1/rule_pb";

const COMPARISONS: Record<Comparison, string> = {
  [Comparison.UNSPECIFIED]: "compared with",
  [Comparison.AT_LEAST]: "at least",
  [Comparison.ABOVE]: "above",
  [Comparison.AT_MOST]: "at most",
  [Comparison.BELOW]: "below",
};

/** What a rule asks, in a line. */
export function ruleWords({ rule }: Rule): string {
  switch (rule.case) {
    case "metricThreshold":
      return `${rule.value.metric} ${COMPARISONS[rule.value.comparison]} ${rule.value.threshold}`;
    case "noWorse": {
      const { metric, direction, margin } = rule.value;
      const way = direction === Direction.HIGHER ? "higher is better" : "lower is better";
      return `${metric} no worse than what stands there (${way}${margin ? `, by ${margin} at most` : ""})`;
    }
    case "requiredTags":
      return `the tags ${rule.value.keys.join(", ")}`;
    case "requiredRole":
      return `moved by somebody with the role ${roleName(rule.value.role)}`;
    case "requiredPrincipal":
      return `moved by ${rule.value.names.join(" or ")}`;
    case "requiredDescription":
      return "a description";
    case "requiredCard":
      return `of the card: ${rule.value.fields.join(", ").replaceAll("_", " ")}`;
    case "requiredChecks":
      return `passing checks: ${rule.value.names.join(", ")}`;
    case "requiredApprovals": {
      const { count, names, role } = rule.value;
      const whom = names.length ? names.join(", ") : `those with the role ${roleName(role)}`;
      return `${count} ${count === 1 ? "approval" : "approvals"} of ${whom}, not of the author`;
    }
    case "minimumSoak":
      return `stood where it stands for ${duration(Number(rule.value.duration?.seconds ?? 0n) * 1000)}`;
    case "freezeWindow": {
      const { cron, duration: length, timeZone } = rule.value;
      return `not within ${duration(Number(length?.seconds ?? 0n) * 1000)} from "${cron}" (${timeZone || "UTC"})`;
    }
    case "cleanLineage":
      return `descends from nothing tagged ${rule.value.withoutTags.join(" or ")}`;
    case "signedBy": {
      const { keys, threshold } = rule.value;
      return `signed by ${threshold || 1} of ${keys.map((key) => key.name).join(", ")}`;
    }
    case "cel":
      return rule.value.message || rule.value.expression;
    default:
      return "something that this page does not know";
  }
}

import type { Move, Policy, Stage } from "../generated/herdbook/registry/v1/model_pb";
import { Comparison } from "../generated/herdbook/registry/v1/model_pb";
import { Direction } from "../generated/herdbook/registry/v1/rule_pb";
import type { Version } from "../generated/herdbook/registry/v1/version_pb";

const ANY = "*";

/** How many versions a stage holds at a time; nothing if as many as come. */
export function limitOf(stage: Stage): number | undefined {
  if (stage.holds > 0) return stage.holds;
  return stage.exclusive ? 1 : undefined;
}

/** The move from one stage to another: the one named for both, or else the one from any. */
export function moveOf(policy: Policy, from: string, to: string): Move | undefined {
  if (from === to || policy.stages.some((stage) => stage.name === from && stage.terminal)) return undefined;
  const named = (start: string) => policy.moves.find((move) => move.from === start && move.to === to);
  return named(from) ?? named(ANY);
}

/** The stages that a version may be asked to go to, in the order of the policy. */
export function targetsOf(policy: Policy, from: string): string[] {
  return policy.stages.map((stage) => stage.name).filter((name) => moveOf(policy, from, name) !== undefined);
}

/** Where a version would go next: the stage after its own that it may go to, or else any that it may go to. */
export function nextStage(policy: Policy, from: string): string | undefined {
  const order = policy.stages.map((stage) => stage.name);
  const targets = targetsOf(policy, from);
  return targets.find((name) => order.indexOf(name) > order.indexOf(from)) ?? targets[0];
}

/** The stage that serves: the last that has a limit, since what many hold nobody is served by. */
export function servingStage(policy: Policy): string | undefined {
  const stages = policy.stages.filter((stage) => !stage.terminal);
  return (
    stages.findLast((stage) => limitOf(stage) !== undefined)?.name ??
    stages.find((stage) => /^prod/i.test(stage.name))?.name
  );
}

/** Whether a move leads up, towards what serves. */
export function isPromotion(policy: Policy, from: string, to: string): boolean {
  const order = policy.stages.map((stage) => stage.name);
  const serving = servingStage(policy);
  const top = serving === undefined ? order.length - 1 : order.indexOf(serving);
  return order.indexOf(to) > order.indexOf(from) && order.indexOf(to) <= top;
}

/** Metrics that the rules of a policy speak of, with which way they are better; those of the serving stage first. */
export function ruledMetrics(policy: Policy): Map<string, Direction> {
  const serving = servingStage(policy);
  const moves = [...policy.moves].sort((a, b) => Number(b.to === serving) - Number(a.to === serving));
  const found = new Map<string, Direction>();
  for (const { rule } of moves.flatMap((move) => move.rules)) {
    if (rule.case === "metricThreshold") {
      const { metric, comparison } = rule.value;
      const higher = comparison === Comparison.AT_LEAST || comparison === Comparison.ABOVE;
      if (!found.has(metric)) found.set(metric, higher ? Direction.HIGHER : Direction.LOWER);
    } else if (rule.case === "noWorse") found.set(rule.value.metric, rule.value.direction);
  }
  return found;
}

/** How many metrics a card shows. */
export const PINNED = 2;

/** The metrics that cards show: those chosen, or else those of the rules, or else the first there are. */
export function pinnedMetrics(
  chosen: readonly string[],
  policy: Policy,
  versions: readonly Version[],
): string[] {
  if (chosen.length) return chosen.slice(0, PINNED);
  const there = [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))].sort();
  const ruled = [...ruledMetrics(policy).keys()].filter((key) => there.includes(key));
  const rest = there.filter((key) => !ruled.includes(key) && !key.startsWith("system/"));
  return [...ruled, ...rest].slice(0, PINNED);
}

/** How a difference looks to who wants the metric higher, or lower; nothing where that is not known. */
export function verdictOf(difference: number, better: Direction | undefined): "good" | "bad" | undefined {
  if (!better || difference === 0 || Number.isNaN(difference)) return undefined;
  return difference > 0 === (better === Direction.HIGHER) ? "good" : "bad";
}

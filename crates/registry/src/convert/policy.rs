//! Policies between the contract and the domain.

use std::num::NonZeroU32;

use herdbook_proto::{
    InvalidRequest, Violations,
    registry::v1::{self as proto, rule::Rule as ProtoAsks},
    time::to_timestamp,
};

use crate::{
    policy::{
        Approvers, Asks, Comparison, Descent, Direction, Move, Policy, Rule, Stage, TrustedKey,
    },
    rules::role_number,
    store::policies::SharedPolicy,
};

/// Reads a policy and checks it whole.
pub(crate) fn read(policy: proto::Policy) -> Result<Policy, InvalidRequest> {
    let mut violations = Violations::default();
    let stages = policy.stages.into_iter().enumerate().map(|(index, stage)| {
        read_stage(&format!("policy.stages[{index}]"), stage, &mut violations)
    });
    let stages = stages.collect();
    let mut moves = Vec::with_capacity(policy.moves.len());
    for (index, step) in policy.moves.into_iter().enumerate() {
        let place = format!("policy.moves[{index}]");
        moves.push(Move {
            from: step.from,
            to: step.to,
            rules: read_rules(&place, step.rules, &mut violations),
        });
    }
    let rollback = policy
        .rollback
        .map(|rollback| read_rules("policy.rollback", rollback.rules, &mut violations));
    violations.finish()?;
    let policy = Policy {
        stages,
        moves,
        rollback,
    };
    policy.check()?;
    Ok(policy)
}

fn read_stage(place: &str, stage: proto::Stage, violations: &mut Violations) -> Stage {
    if stage.exclusive && stage.holds > 1 {
        let what = format!("an exclusive stage holds one version, not {}", stage.holds);
        violations.add(format!("{place}.holds"), what);
    }
    let limited = stage.exclusive || stage.holds > 0;
    let problem = match (limited, stage.displaced_to.is_empty()) {
        (true, true) => Some("is required: where does a version go that makes way?"),
        (false, false) => Some("is for stages with a limit; none is displaced from this one"),
        _ => None,
    };
    if let Some(problem) = problem {
        violations.add(format!("{place}.displaced_to"), problem);
    }
    Stage {
        name: stage.name,
        displaced_to: Some(stage.displaced_to).filter(|_| limited),
        holds: NonZeroU32::new(stage.holds).unwrap_or(NonZeroU32::MIN),
        terminal: stage.terminal,
    }
}

fn read_rules(place: &str, rules: Vec<proto::Rule>, violations: &mut Violations) -> Vec<Rule> {
    let rules = rules.into_iter().enumerate();
    rules
        .filter_map(|(number, rule)| {
            read_rule(&format!("{place}.rules[{number}]"), rule, violations)
        })
        .collect()
}

/// Whole seconds of a duration; 0 for none, or for one that is negative.
fn seconds(duration: Option<prost_types::Duration>) -> u32 {
    let seconds = duration.map_or(0, |duration| duration.seconds);
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

fn duration(seconds: u32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration {
        seconds: seconds.into(),
        nanos: 0,
    })
}

fn read_rule(place: &str, rule: proto::Rule, violations: &mut Violations) -> Option<Rule> {
    let asks = match violations.require(format!("{place}.rule"), rule.rule)? {
        ProtoAsks::MetricThreshold(asks) => {
            let comparison = match asks.comparison() {
                proto::Comparison::AtLeast => Some(Comparison::AtLeast),
                proto::Comparison::Above => Some(Comparison::Above),
                proto::Comparison::AtMost => Some(Comparison::AtMost),
                proto::Comparison::Below => Some(Comparison::Below),
                proto::Comparison::Unspecified => None,
            };
            let comparison =
                violations.require(format!("{place}.metric_threshold.comparison"), comparison)?;
            Asks::Metric {
                key: asks.metric,
                comparison,
                threshold: asks.threshold,
            }
        }
        ProtoAsks::RequiredTags(asks) => Asks::Tags(asks.keys),
        ProtoAsks::RequiredRole(asks) => {
            let role = role_number(asks.role);
            Asks::Role(violations.require(format!("{place}.required_role.role"), role)?)
        }
        ProtoAsks::RequiredDescription(_) => Asks::Description,
        ProtoAsks::RequiredPrincipal(asks) => Asks::Principals(asks.names),
        ProtoAsks::NoWorse(asks) => {
            let direction = match asks.direction() {
                proto::Direction::Higher => Some(Direction::Higher),
                proto::Direction::Lower => Some(Direction::Lower),
                proto::Direction::Unspecified => None,
            };
            Asks::NoWorse {
                direction: violations.require(format!("{place}.no_worse.direction"), direction)?,
                key: asks.metric,
                margin: asks.margin,
            }
        }
        ProtoAsks::MinimumSoak(asks) => Asks::Soak(seconds(asks.duration)),
        ProtoAsks::FreezeWindow(asks) => Asks::Freeze {
            seconds: seconds(asks.duration),
            cron: asks.cron,
            zone: asks.time_zone,
        },
        ProtoAsks::CleanLineage(asks) => Asks::Lineage(Descent {
            without_tags: asks.without_tags,
            known_depth: asks.known_depth,
        }),
        ProtoAsks::RequiredChecks(asks) => Asks::Checks(asks.names),
        ProtoAsks::RequiredApprovals(asks) => Asks::Approvals {
            count: asks.count,
            from: match (role_number(asks.role), asks.names.is_empty()) {
                (Some(role), true) => Approvers::Role(role),
                (None, false) => Approvers::Named(asks.names),
                _ => {
                    let what = "must have either a role or names: whose approvals count?";
                    violations.add(format!("{place}.required_approvals"), what);
                    return None;
                }
            },
        },
        ProtoAsks::RequiredCard(asks) => Asks::Card(asks.fields),
        ProtoAsks::SignedBy(asks) => Asks::Signed {
            keys: asks.keys.into_iter().map(read_key).collect(),
            threshold: asks.threshold.max(1),
        },
        ProtoAsks::Cel(asks) => Asks::Expression {
            text: asks.expression,
            message: asks.message,
        },
    };
    Some(Rule {
        name: rule.name,
        asks,
    })
}

fn read_key(key: proto::TrustedKey) -> TrustedKey {
    TrustedKey {
        name: key.name,
        public_key: key.public_key,
    }
}

fn write_key(key: TrustedKey) -> proto::TrustedKey {
    proto::TrustedKey {
        name: key.name,
        public_key: key.public_key,
    }
}

/// A policy as the contract has it.
pub(crate) fn write(policy: Policy, revision: i64) -> proto::Policy {
    let stage = |stage: Stage| proto::Stage {
        exclusive: stage.limit() == Some(1),
        holds: match stage.limit() {
            None | Some(1) => 0,
            Some(_) => stage.holds.get(),
        },
        terminal: stage.terminal,
        name: stage.name,
        displaced_to: stage.displaced_to.unwrap_or_default(),
    };
    let step = |step: Move| proto::Move {
        from: step.from,
        to: step.to,
        rules: step.rules.into_iter().map(to_rule).collect(),
    };
    proto::Policy {
        stages: policy.stages.into_iter().map(stage).collect(),
        moves: policy.moves.into_iter().map(step).collect(),
        rollback: policy.rollback.map(|rules| proto::Rollback {
            rules: rules.into_iter().map(to_rule).collect(),
        }),
        revision,
    }
}

/// A shared policy as the contract has it.
pub(crate) fn to_shared(shared: SharedPolicy) -> proto::SharedPolicy {
    proto::SharedPolicy {
        name: shared.name,
        policy: Some(write(shared.policy.0, shared.revision)),
        saved_by: shared.saved_by,
        saved_at: Some(to_timestamp(shared.saved_at)),
        models: shared.models,
    }
}

fn to_rule(rule: Rule) -> proto::Rule {
    let asks = match rule.asks {
        Asks::Metric {
            key,
            comparison,
            threshold,
        } => {
            let comparison = match comparison {
                Comparison::AtLeast => proto::Comparison::AtLeast,
                Comparison::Above => proto::Comparison::Above,
                Comparison::AtMost => proto::Comparison::AtMost,
                Comparison::Below => proto::Comparison::Below,
            };
            ProtoAsks::MetricThreshold(proto::MetricThreshold {
                metric: key,
                comparison: comparison.into(),
                threshold,
            })
        }
        Asks::Tags(keys) => ProtoAsks::RequiredTags(proto::RequiredTags { keys }),
        Asks::Role(role) => ProtoAsks::RequiredRole(proto::RequiredRole { role }),
        Asks::Description => ProtoAsks::RequiredDescription(proto::RequiredDescription {}),
        Asks::Principals(names) => ProtoAsks::RequiredPrincipal(proto::RequiredPrincipal { names }),
        Asks::NoWorse {
            key,
            direction,
            margin,
        } => {
            let direction = match direction {
                Direction::Higher => proto::Direction::Higher,
                Direction::Lower => proto::Direction::Lower,
            };
            ProtoAsks::NoWorse(proto::NoWorse {
                metric: key,
                direction: direction.into(),
                margin,
            })
        }
        Asks::Soak(seconds) => ProtoAsks::MinimumSoak(proto::MinimumSoak {
            duration: duration(seconds),
        }),
        Asks::Freeze {
            cron,
            seconds,
            zone,
        } => ProtoAsks::FreezeWindow(proto::FreezeWindow {
            cron,
            duration: duration(seconds),
            time_zone: zone,
        }),
        Asks::Lineage(descent) => ProtoAsks::CleanLineage(proto::CleanLineage {
            without_tags: descent.without_tags,
            known_depth: descent.known_depth,
        }),
        Asks::Signed { keys, threshold } => ProtoAsks::SignedBy(proto::SignedBy {
            keys: keys.into_iter().map(write_key).collect(),
            threshold,
        }),
        Asks::Checks(names) => ProtoAsks::RequiredChecks(proto::RequiredChecks { names }),
        Asks::Approvals { count, from } => {
            let (role, names) = match from {
                Approvers::Role(role) => (role, Vec::new()),
                Approvers::Named(names) => (0, names),
            };
            ProtoAsks::RequiredApprovals(proto::RequiredApprovals { count, role, names })
        }
        Asks::Card(fields) => ProtoAsks::RequiredCard(proto::RequiredCard { fields }),
        Asks::Expression { text, message } => ProtoAsks::Cel(proto::Expression {
            expression: text,
            message,
        }),
    };
    proto::Rule {
        name: rule.name,
        rule: Some(asks),
    }
}

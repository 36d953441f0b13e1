//! Of a model with some versions, moved about at random by random policies.

use std::{collections::BTreeMap, num::NonZeroU32};

use chrono::{DateTime, TimeDelta, Utc};
use herdbook_core::{Digest, PrincipalId, RunId};
use herdbook_rpc::Role;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    card::Card,
    facts::{Facts, Standing},
    policy::{ANY, Asks, Move},
    rules::Mover,
    version::Version,
};

const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];
const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn version(number: i64, stage: &str, described: bool) -> Version {
    Version {
        model: "model".to_owned(),
        number,
        label: String::new(),
        stage: stage.to_owned(),
        description: if described { "it is" } else { "" }.to_owned(),
        tags: BTreeMap::new(),
        logged_model: String::new(),
        external: false,
        source: String::new(),
        run: Some(RunId::from(Uuid::nil())),
        based_on: Vec::new(),
        files: Vec::new(),
        digest: Digest([0; 32]),
        params: BTreeMap::new(),
        metrics: BTreeMap::new(),
        created_by: "ana".to_owned(),
        created_at: NOW,
        updated_at: NOW,
        stage_since: NOW,
        revision: 0,
        flavor: String::new(),
        schema: None,
        own_card: Card::default(),
        card: Card::default(),
        owners: Vec::new(),
    }
}

fn case(version: Version, role: Role, occupants: &[i64]) -> Case {
    let occupant = |number: &i64| Occupant {
        number: *number,
        run: Some(RunId::from(Uuid::nil())),
        metrics: BTreeMap::new(),
    };
    Case {
        version,
        mover: Mover {
            principal: PrincipalId::from(Uuid::nil()),
            name: "bo".into(),
            role,
        },
        facts: Facts::of_nothing(NOW),
        standing: Standing {
            now: NOW + TimeDelta::hours(1),
            occupants: occupants.iter().map(occupant).collect(),
            checks: BTreeMap::new(),
            signatures: Vec::new(),
            request: None,
        },
    }
}

/// A policy over the four stages, with some of the moves and rules there could be.
fn policy() -> impl Strategy<Value = Policy> {
    let rule = prop_oneof![
        Just(Asks::Description),
        Just(Asks::Role(Role::Approver.to_proto().into())),
        Just(Asks::Soak(3_601)),
        Just(Asks::Soak(1)),
        Just(Asks::Expression {
            text: "version.description != ''".to_owned(),
            message: "describe it".to_owned(),
        }),
    ];
    let ends = (0..5_usize, 0..4_usize, prop::collection::vec(rule, 0..3));
    let moves = prop::collection::vec(ends, 1..8);
    (moves, 1..4_u32, any::<bool>()).prop_map(|(moves, holds, terminal)| {
        let stage = |name: &&str| Stage {
            name: (*name).to_owned(),
            displaced_to: (*name == "Production").then(|| "Archived".to_owned()),
            holds: NonZeroU32::new(holds).unwrap(),
            terminal: terminal && *name == "Archived",
            frozen: false,
        };
        let step = |(from, to, asks): (usize, usize, Vec<Asks>)| Move {
            from: STAGES.get(from).unwrap_or(&ANY).to_string(),
            to: STAGES[to].to_owned(),
            rules: asks
                .into_iter()
                .map(|asks| Rule {
                    name: "rule".to_owned(),
                    asks,
                })
                .collect(),
        };
        Policy {
            stages: STAGES.iter().map(stage).collect(),
            moves: moves.into_iter().map(step).collect(),
            rollback: None,
        }
    })
}

/// Whether the policy forbids the move outright: told another way than `find_move` does.
fn forbidden(policy: &Policy, from: &str, to: &str) -> bool {
    let leads = |step: &Move| (step.from == from || step.from == ANY) && step.to == to;
    from == to || policy.is_terminal(from) || !policy.moves.iter().any(leads)
}

proptest! {
    #[test]
    fn no_sequence_of_moves_reaches_what_the_policy_forbids(
        policy in policy(),
        steps in prop::collection::vec((0..5_i64, 0..4_usize, any::<bool>(), any::<bool>()), 1..60),
    ) {
        // Where each version stands, and those in Production in the order in which they came.
        let mut stands: BTreeMap<i64, String> = (0..5).map(|n| (n, "None".to_owned())).collect();
        let mut production: Vec<i64> = Vec::new();
        for (number, to, approver, described) in steps {
            let to = policy.stage(STAGES[to]).unwrap();
            let from = stands[&number].clone();
            let role = if approver { Role::Approver } else { Role::Contributor };
            let occupants = if to.limit().is_some() { &*production } else { &[] };
            let case = case(version(number, &from, described), role, occupants);
            let plan = decide(&policy, Way::Move, to, &case);
            // The same facts, the same verdicts.
            prop_assert_eq!(&plan, &decide(&policy, Way::Move, to, &case));
            if !plan.allowed() {
                continue;
            }
            prop_assert!(!forbidden(&policy, &from, &to.name), "{} -> {}", from, to.name);
            let step = policy.find_move(&from, &to.name).unwrap();
            for rule in &step.rules {
                let holds = match &rule.asks {
                    Asks::Role(_) => approver,
                    Asks::Soak(seconds) => *seconds <= 3_600,
                    _ => described,
                };
                prop_assert!(holds, "{:?}", rule);
            }
            for other in &plan.displaced {
                stands.insert(*other, plan.displaced_to.clone());
            }
            production.retain(|other| *other != number && !plan.displaced.contains(other));
            stands.insert(number, to.name.clone());
            if to.limit().is_some() {
                production.push(number);
                prop_assert!(production.len() <= to.limit().unwrap());
            }
        }
        let in_production = stands.values().filter(|stage| *stage == "Production").count();
        prop_assert_eq!(in_production, production.len());
    }
}

//! Policies are checked whole, and each wrong thing is named with its place.

use super::*;

fn refused(policy: &Policy) -> Vec<String> {
    let error = policy.check().unwrap_err();
    error
        .violations()
        .iter()
        .map(|violation| violation.field.clone())
        .collect()
}

#[test]
fn the_default_policy_is_sound() {
    let policy = Policy::default();
    policy.check().unwrap();
    assert_eq!(
        policy.targets("None"),
        ["Staging", "Production", "Archived"]
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let mut policy = Policy::default();
    policy.moves[1].to = "Stagign".to_owned();
    assert_eq!(refused(&policy), ["policy.moves[1].to"]);

    let mut policy = Policy::default();
    policy.stages[2].displaced_to = Some("Production".to_owned());
    assert_eq!(refused(&policy), ["policy.stages[2].displaced_to"]);

    let mut policy = Policy::default();
    let asks = Asks::Metric {
        key: "acc".into(),
        comparison: Comparison::Above,
        threshold: f64::NAN,
    };
    policy.moves[2].rules.push(Rule {
        name: "good".into(),
        asks,
    });
    assert_eq!(
        refused(&policy),
        ["policy.moves[2].rules[0].metric_threshold.threshold"]
    );
}

#[test]
fn a_stage_that_nothing_leads_to_is_refused() {
    let mut policy = Policy::default();
    policy.moves.retain(|m| m.to != "Staging");
    assert_eq!(refused(&policy), ["policy.stages[1]"]);
    // Archived is still reached: by being displaced from Production.
    let mut policy = Policy::default();
    policy.moves.retain(|m| m.to != "Archived");
    policy.check().unwrap();
}

#[test]
fn a_named_move_goes_before_one_from_any() {
    let mut policy = Policy::default();
    let asks = Asks::Description;
    let rules = vec![Rule {
        name: "described".into(),
        asks,
    }];
    policy.moves.push(Move {
        from: "Staging".into(),
        to: "Production".into(),
        rules,
    });
    assert_eq!(
        policy
            .find_move("Staging", "Production")
            .unwrap()
            .rules
            .len(),
        1
    );
    assert_eq!(
        policy.find_move("None", "Production").unwrap().rules.len(),
        0
    );
}

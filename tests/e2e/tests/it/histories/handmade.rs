//! Histories made by hand: the model takes those that can be, and no other.

use super::{
    model::{Answer, Call, Stage, What, Who},
    verify,
};
use herdbook_e2e::linearizable::Event;

const ANA: Who = 0;
const BO: Who = 1;

/// What is asked, when, and what is answered when.
fn event(
    who: Who,
    what: What,
    called: u64,
    answered: Option<(Answer, u64)>,
) -> Event<Call, Answer> {
    Event {
        call: Call { who, what },
        called,
        answered,
    }
}

fn created(number: i64, revision: i64) -> Answer {
    Answer::Created {
        number,
        revision: Some(revision),
    }
}

fn moved(version: i64, displaced: &[i64], revision: i64) -> Answer {
    Answer::Moved {
        version,
        displaced: displaced.to_vec(),
        revision,
    }
}

fn to(version: i64, to: Stage) -> What {
    What::Move { version, to }
}

/// Ana's versions 1 and 2 in Staging, at the revision 4 and the time 8.
fn two_staged() -> Vec<Event<Call, Answer>> {
    let stage = |number| to(number, Stage::Staging);
    vec![
        event(ANA, What::Create, 0, Some((created(1, 1), 1))),
        event(ANA, What::Create, 2, Some((created(2, 2), 3))),
        event(ANA, stage(1), 4, Some((moved(1, &[], 3), 5))),
        event(ANA, stage(2), 6, Some((moved(2, &[], 4), 7))),
    ]
}

/// Whether the history can be that goes on so.
fn explained(more: Vec<Event<Call, Answer>>) -> bool {
    let mut events = two_staged();
    events.extend(more);
    verify(&events).is_ok()
}

#[test]
fn of_two_promotions_at_once_the_second_displaces_the_first() {
    let promote = |number| to(number, Stage::Production);
    let first = event(ANA, promote(1), 8, Some((moved(1, &[], 5), 11)));
    let after = event(BO, promote(2), 9, Some((moved(2, &[1], 6), 10)));
    assert!(explained(vec![first.clone(), after]));
    // Two in an exclusive stage.
    let beside = event(BO, promote(2), 9, Some((moved(2, &[], 6), 10)));
    assert!(!explained(vec![first.clone(), beside]));
    // One that the revisions put in the other order.
    let before = event(BO, promote(2), 9, Some((moved(2, &[1], 4), 10)));
    assert!(!explained(vec![first, before]));
}

#[test]
fn a_number_is_given_once_and_none_is_left_out() {
    for number in [2, 4] {
        let made = event(BO, What::Create, 8, Some((created(number, 5), 9)));
        assert!(!explained(vec![made]), "{number}");
    }
    let lost = event(ANA, What::Create, 8, None);
    for number in [3, 4] {
        let made = event(BO, What::Create, 9, Some((created(number, 6), 10)));
        assert!(explained(vec![lost.clone(), made]), "{number}");
    }
}

#[test]
fn what_was_promoted_is_read_until_something_else_is() {
    let promoted = event(
        ANA,
        to(1, Stage::Production),
        8,
        Some((moved(1, &[], 5), 9)),
    );
    let reads = |answer| {
        let read = event(BO, What::ResolveProduction, 10, Some((answer, 11)));
        explained(vec![promoted.clone(), read])
    };
    let version = |number, stage| Answer::Version { number, stage };
    assert!(reads(version(1, Stage::Production)));
    // Stale, torn, and of nothing.
    assert!(!reads(Answer::NotFound));
    assert!(!reads(version(1, Stage::Staging)));
    assert!(!reads(version(2, Stage::Production)));
}

#[test]
fn a_model_is_read_as_it_is_at_its_revision() {
    let reads = |latest, staged: &[i64], revision| {
        let answer = Answer::Model {
            latest,
            stages: [(Stage::Staging, staged.to_vec())].into(),
            aliases: [].into(),
            revision,
        };
        explained(vec![event(BO, What::Get, 8, Some((answer, 9)))])
    };
    assert!(reads(2, &[1, 2], 4));
    assert!(!reads(1, &[1, 2], 4));
    assert!(!reads(2, &[1], 4));
    assert!(!reads(2, &[1, 2], 5));
}

#[test]
fn a_rollback_goes_further_back_each_time() {
    let promote = |number, at, displaced: &[i64], revision| {
        let answer = moved(number, displaced, revision);
        event(
            ANA,
            to(number, Stage::Production),
            at,
            Some((answer, at + 1)),
        )
    };
    let back = |answer, at| event(BO, What::RollBack, at, Some((answer, at + 1)));
    let promoted = vec![promote(1, 8, &[], 5), promote(2, 10, &[1], 6)];
    let goes = |more: Vec<_>| explained([promoted.clone(), more].concat());
    let first = back(moved(1, &[2], 7), 12);
    assert!(goes(vec![first.clone(), back(Answer::NothingBefore, 14)]));
    // The bad one again.
    assert!(!goes(vec![first, back(moved(2, &[1], 8), 14)]));
    // Nothing, where there was something.
    assert!(!goes(vec![back(Answer::NothingBefore, 12)]));
}

#[test]
fn a_request_is_done_once_and_not_by_its_author() {
    let archived = event(ANA, to(1, Stage::Archived), 8, Some((moved(1, &[], 5), 9)));
    let pending = Answer::Pending {
        request: 6,
        revision: Some(6),
    };
    let asked = event(ANA, to(1, Stage::Production), 10, Some((pending, 11)));
    let approve = |who, answer, at| {
        let what = What::Approve { request: 6 };
        event(who, what, at, Some((answer, at + 1)))
    };
    let goes = |more: Vec<_>| explained([vec![archived.clone(), asked.clone()], more].concat());
    let done = approve(BO, moved(1, &[], 7), 12);
    assert!(goes(vec![done.clone(), approve(BO, Answer::Closed, 14)]));
    assert!(!goes(vec![done.clone(), approve(BO, moved(1, &[], 8), 14)]));
    assert!(!goes(vec![approve(ANA, moved(1, &[], 7), 12)]));
    // Without the approval it does not get there.
    let straight = event(
        BO,
        to(1, Stage::Production),
        10,
        Some((moved(1, &[], 6), 11)),
    );
    assert!(!explained(vec![archived.clone(), straight]));
}

#[test]
fn a_lost_move_may_be_done_later_or_never_but_once() {
    let lost = event(ANA, to(1, Stage::Production), 8, None);
    let read = |answer, at| event(BO, What::ResolveProduction, at, Some((answer, at + 1)));
    let there = || Answer::Version {
        number: 1,
        stage: Stage::Production,
    };
    let none = || Answer::NotFound;
    let goes = |more: Vec<_>| explained([vec![lost.clone()], more].concat());
    assert!(goes(vec![read(none(), 9), read(there(), 11)]));
    assert!(goes(vec![read(none(), 9), read(none(), 11)]));
    assert!(!goes(vec![read(there(), 9), read(none(), 11)]));
}

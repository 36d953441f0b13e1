use proptest::prelude::*;

use super::*;
use crate::making::sample::{Sample, sample};

fn changes(from: &Descent, to: &Descent) -> Vec<(Aspect, String, Option<String>, Option<String>)> {
    let change = |change: Change| (change.aspect, change.name, change.from, change.to);
    compare(from, to).changes.into_iter().map(change).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_changed_is_told_as_people_say_it() {
    let before = sample(&Sample {
        data: &[
            ("loans", "sha256:1", r#"{"rows": 100}"#),
            ("rates", "sha256:9", ""),
        ],
        params: &[("lr", "0.1"), ("seed", "7")],
        packages: "numpy==1.0\nPandas==2.0",
        tags: &[("dataset", "loans", "pii")],
        ..Sample::default()
    });
    let after = sample(&Sample {
        data: &[
            ("loans", "sha256:2", r#"{"rows": 120}"#),
            ("rates", "sha256:9", ""),
        ],
        commit: "bbb",
        params: &[("lr", "0.2"), ("seed", "7"), ("depth", "3")],
        packages: "numpy==1.1\npandas==2.0\nscipy==3.0",
        ..Sample::default()
    });
    assert_eq!(
        changes(&before, &after),
        [
            (
                Aspect::Data,
                "loans".into(),
                some("sha256:1"),
                some("sha256:2")
            ),
            (Aspect::Code, "repo".into(), some("aaa"), some("bbb")),
            (Aspect::Param, "depth".into(), None, some("3")),
            (Aspect::Param, "lr".into(), some("0.1"), some("0.2")),
            (Aspect::Package, "numpy".into(), some("1.0"), some("1.1")),
            (Aspect::Package, "scipy".into(), None, some("3.0")),
            (
                Aspect::Tag,
                "pii".into(),
                some("dataset:loans@sha256:1"),
                None
            ),
        ]
    );
    let found = compare(&before, &after);
    assert_eq!(found.changes[0].facts[0].name, "rows");
    assert_eq!(found.changes[0].facts[0].to, some("120"));
    assert_eq!(
        (found.same_data, found.same_params, found.same_packages),
        (1, 1, 1)
    );
}

#[test]
fn several_states_of_a_name_come_and_go_one_by_one() {
    let before = sample(&Sample {
        data: &[("part", "1", ""), ("part", "2", "")],
        ..Sample::default()
    });
    let after = sample(&Sample {
        data: &[("part", "2", ""), ("part", "3", ""), ("part", "4", "")],
        ..Sample::default()
    });
    let told = [
        (Aspect::Data, "part".into(), some("1"), None),
        (Aspect::Data, "part".into(), None, some("3")),
        (Aspect::Data, "part".into(), None, some("4")),
    ];
    assert_eq!(changes(&before, &after), told);
}

proptest! {
    /// The naive answer: take the changes out of the one side and put them in, and it is the other.
    #[test]
    fn the_changes_make_the_one_side_the_other(
        from in prop::collection::btree_map("[a-d]", "[x-z]", 0..5),
        to in prop::collection::btree_map("[a-d]", "[x-z]", 0..5),
    ) {
        let descent = |params: &BTreeMap<String, String>| {
            let params: Vec<_> = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            sample(&Sample { params: &params, ..Sample::default() })
        };
        let (before, after) = (descent(&from), descent(&to));
        let mut made = from.clone();
        for (aspect, name, was, is) in changes(&before, &after) {
            prop_assert_eq!(aspect, Aspect::Param);
            prop_assert_eq!(made.remove(&name), was);
            made.extend(is.map(|value| (name, value)));
        }
        prop_assert_eq!(made, to);
        let back: Vec<_> = changes(&after, &before).into_iter().map(|(a, n, f, t)| (a, n, t, f)).collect();
        prop_assert_eq!(back, changes(&before, &after));
        prop_assert!(changes(&before, &before).is_empty());
    }
}

use super::*;
use crate::making::sample::{Sample, key, node, sample};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn whole() -> Descent {
    sample(&Sample {
        data: &[("loans", DIGEST, "")],
        uri: "s3://bucket/loans.csv",
        params: &[("random_seed", "7")],
        packages: "numpy==1.0",
        ..Sample::default()
    })
}

fn failed(descent: &Descent, outputs: &[Node]) -> Vec<&'static str> {
    let findings = check(descent, outputs).into_iter();
    let failed = findings.filter(|finding| !finding.missing_at.is_empty());
    failed.map(|finding| finding.rule.name).collect()
}

#[test]
fn weights_are_shares_in_percent_and_names_are_unique() {
    for purpose in [Purpose::Reproduction, Purpose::Audit] {
        let rules = RULES.iter().filter(|rule| rule.purpose == purpose);
        assert_eq!(rules.map(|rule| rule.weight).sum::<u32>(), 100);
    }
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn where_everything_is_known_both_scores_are_full() {
    let outputs = [node(key("artifact", "r1/model", "sha256:1"), &[])];
    let descent = whole();
    assert!(failed(&descent, &outputs).is_empty());
    let findings = check(&descent, &outputs);
    assert_eq!(score(&findings, Purpose::Reproduction), 100);
    assert_eq!(score(&findings, Purpose::Audit), 100);
}

#[test]
fn each_gap_fails_the_rule_that_asks_for_it() {
    let bare = sample(&Sample::default());
    let expected = [
        "data-known",
        "data-digests",
        "data-locations",
        "packages",
        "params",
        "seed",
        "outputs",
        "nothing-unknown",
    ];
    assert_eq!(failed(&bare, &[]), expected);
    let findings = check(&bare, &[]);
    assert_eq!(score(&findings, Purpose::Reproduction), 35);
    assert_eq!(score(&findings, Purpose::Audit), 70);

    let mut dirty = whole();
    let run = key("run", "r1", "");
    let dirtied = crate::facts::Facts::given([("dirty".to_owned(), "true".to_owned())], [], 0);
    dirty
        .pedigree
        .nodes
        .get_mut(&run)
        .unwrap()
        .facts
        .merge(&dirtied);
    assert_eq!(
        failed(&dirty, &[]),
        ["changes-kept", "outputs", "code-committed"]
    );
}

#[test]
fn a_thing_that_no_run_made_fails_at_itself() {
    let mut descent = whole();
    descent.pedigree.edges.clear();
    let findings = check(&descent, &[]);
    let commit = findings
        .iter()
        .find(|finding| finding.rule.name == "commit");
    assert_eq!(commit.unwrap().missing_at, [descent.subject.clone()].into());
}

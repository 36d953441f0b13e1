use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::making::sample::{Sample, key, sample};

fn proof(data: &[(&str, &str, &str)], suspects: BTreeSet<Suspect>, tags: &[&str]) -> Proof {
    let descent = sample(&Sample {
        data,
        tags: &[("dataset", "biased", "biased")],
        ..Sample::default()
    });
    let question = Question {
        subject: descent.subject,
        suspects,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    Proof::decide(question, descent.pedigree.nodes, descent.pedigree.edges)
}

fn written(proof: &Proof) -> String {
    let lines: String = proof.lines().map(|line| line + "\n").collect();
    sealed(&lines)
}

/// `lines` with the digest that fits them.
fn sealed(lines: &str) -> String {
    let digest = Digest(Sha256::digest(lines.as_bytes()).into()).to_string();
    format!(
        "{lines}{}\n",
        json!(["digest", digest, "2026-11-26T18:00:00Z"])
    )
}

fn loans() -> BTreeSet<Suspect> {
    let (kind, name) = ("dataset".to_owned(), "loans".to_owned());
    [Suspect::Named { kind, name }].into()
}

#[test]
fn a_proof_says_offline_what_it_said_when_it_was_made() {
    let clean = proof(&[("other", "1", "")], loans(), &[]);
    let read = ExportedProof::read(&written(&clean)).unwrap();
    assert_eq!((read.verdict(), read.examined()), ("CLEAN", 5));
    assert_eq!(read.digest(), clean.digest());
    let (subject, suspects, tags) = read.question();
    assert_eq!(
        (subject.as_str(), suspects.as_slice()),
        ("model_version:fraud@3", &["dataset:loans".to_owned()][..])
    );
    assert!(tags.is_empty());
    let tainted = proof(&[("loans", "1", "")], loans(), &[]);
    assert_eq!(
        ExportedProof::read(&written(&tainted)).unwrap().verdict(),
        "TAINTED"
    );
    let tagged = proof(&[("biased", "1", "")], [].into(), &["biased"]);
    assert_eq!(
        ExportedProof::read(&written(&tagged)).unwrap().verdict(),
        "TAINTED"
    );
    let incomplete = proof(&[], loans(), &[]);
    assert_eq!(
        ExportedProof::read(&written(&incomplete))
            .unwrap()
            .verdict(),
        "INCOMPLETE"
    );
}

#[test]
fn one_version_of_a_name_is_suspected_alone() {
    let one: BTreeSet<_> = [Suspect::Node(key("dataset", "loans", "2"))].into();
    let clean = proof(&[("loans", "1", "")], one.clone(), &[]);
    let read = ExportedProof::read(&written(&clean)).unwrap();
    assert_eq!(read.verdict(), "CLEAN");
    assert_eq!(read.question().1, ["dataset:loans@2"]);
    assert_eq!(
        proof(&[("loans", "2", "")], one, &[]).verdict.name(),
        "TAINTED"
    );
}

#[test]
fn a_verdict_that_does_not_follow_is_made_up_whatever_its_digest() {
    let tainted = proof(&[("loans", "1", "")], loans(), &[]);
    let text: String = tainted.lines().map(|line| line + "\n").collect();
    let made_up = |text: &str| {
        matches!(
            ExportedProof::read(&sealed(text)),
            Err(DamagedProof::MadeUp(_))
        )
    };
    assert!(!made_up(&text));
    assert!(made_up(&text.replace("TAINTED", "CLEAN")));
    // The suspect is left out, with the edge from it: but then the run says nothing of its data.
    let without: String = text
        .lines()
        .filter(|line| !line.contains("loans\",\"1"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(made_up(&without));
    let dangling: String = text
        .lines()
        .filter(|line| !line.starts_with(r#"["edge",["dataset"#))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(made_up(&dangling));
}

#[test]
fn what_changed_since_is_told() {
    let before = ExportedProof::read(&written(&proof(&[("a", "1", "")], loans(), &[]))).unwrap();
    let after = ExportedProof::read(&written(&proof(
        &[("a", "1", ""), ("biased", "1", "")],
        loans(),
        &[],
    )))
    .unwrap();
    assert!(before.changes(&before).is_empty());
    assert_eq!(
        before.changes(&after),
        [
            "it descends from dataset:biased@1 too",
            "recorded since: dataset:biased@1 used by run:r1",
        ]
    );
}

#[test]
fn what_means_the_same_and_is_written_otherwise_is_an_alteration_too() {
    let proof = proof(&[("other", "1", "")], loans(), &[]);
    let text = written(&proof);
    let digest = proof.digest().to_hex();
    let capitals = ExportedProof::read(&text.replace(&digest, &digest.to_uppercase()));
    assert!(matches!(capitals, Err(DamagedProof::Line(_))));
    let altered = ExportedProof::read(&text.replacen('\n', "\r\n", 1));
    assert!(matches!(altered, Err(DamagedProof::Digest { .. })));
}

proptest! {
    #[test]
    fn any_altered_byte_is_noticed(place in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let text = written(&proof(&[("other", "1", "")], loans(), &[]));
        // The time at the end is no part of what is proved.
        let body = text.rfind(r#","2026"#).unwrap();
        let mut bytes = text.clone().into_bytes();
        let index = place.index(body);
        prop_assume!(bytes[index] != byte);
        bytes[index] = byte;
        prop_assert!(ExportedProof::read(&String::from_utf8(bytes).unwrap()).is_err());
    }

    #[test]
    fn no_text_makes_it_fall_over(text in ".{0,200}", lines in prop::collection::vec("\\[.{0,40}\\]", 0..5)) {
        let _ = ExportedProof::read(&text);
        let _ = ExportedProof::read(&sealed(&lines.join("\n")));
    }
}

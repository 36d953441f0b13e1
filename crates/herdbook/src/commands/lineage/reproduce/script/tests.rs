use std::process::Command;

use herdbook_proto::lineage::v1::{ReproductionCode, ReproductionOutput};
use proptest::prelude::*;

use super::*;

fn data(name: &str, uri: &str) -> ReproductionData {
    ReproductionData {
        name: name.to_owned(),
        uri: uri.to_owned(),
        ..Default::default()
    }
}

fn last_lines(found: &Reproduction) -> String {
    write(found).strip_prefix(HEAD).unwrap().to_owned()
}

/// Anything a shell may be handed: no NUL, for no command line has one.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\\x00]{0,20}",
        "[-'\"`$\\\\;&|<>(){}*?!# \n\t=a]{0,20}",
        Just("$(touch pwned)".to_owned()),
        Just("';touch pwned;'".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_shell_reads_each_quoted_word_as_it_was(words in prop::collection::vec(hostile(), 1..30)) {
        let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
        let script = format!("printf '%s\\0' {}", quoted.join(" "));
        let said = Command::new("sh").arg("-c").arg(script).output().unwrap();
        prop_assert!(said.status.success());
        let read: Vec<_> = said.stdout.split(|byte| *byte == 0).collect();
        let wanted: Vec<_> = words.iter().map(String::as_bytes).chain([&b""[..]]).collect();
        prop_assert_eq!(read, wanted);
    }

    /// Everything of the manifest is hostile at once: the commands of the head, replaced by ones that print
    /// their words, get exactly those, and nothing else is run.
    #[test]
    fn a_script_runs_nothing_but_its_own_commands(
        names in prop::collection::vec(hostile(), 7), command in prop::collection::vec(hostile(), 1..6),
    ) {
        let found = Reproduction {
            data: vec![ReproductionData {
                name: names[0].clone(), digest: names[1].clone(), uri: names[2].clone(), ..Default::default()
            }],
            code: Some(ReproductionCode {
                repository: names[3].clone(), commit: names[4].clone(), entry_point: names[5].clone(),
                ..Default::default()
            }),
            command,
            outputs: vec![ReproductionOutput {
                path: names[6].clone(), digest: format!("sha256:{}", "a".repeat(64)), size: 1,
            }],
            ..Default::default()
        };
        let place = tempfile::tempdir().unwrap();
        let stubs = "set -eu\nstatus=0 work=w here=h\nsay() { for word; do printf '%s\\0' \"$word\"; done; }\n\
            code() { say \"$@\"; }\nenvironment() { :; }\ndata() { say \"$1\" \"$3\"; }\nrun() { :; }\n\
            list_outputs() { :; }\nexpect() { say \"$1\"; }\nfail() { exit 1; }\n";
        let script = format!("{stubs}{}", last_lines(&found));
        let said = Command::new("sh").arg("-c").arg(script).current_dir(place.path()).output().unwrap();
        prop_assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let commit = names[4].trim_start_matches('-');
        let wanted = [&names[3], commit, "", &names[0], &names[2], &names[6]].map(|word| format!("{word}\0"));
        prop_assert_eq!(String::from_utf8(said.stdout).unwrap(), wanted.concat());
        prop_assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
}

#[test]
fn the_command_reads_the_data_that_was_fetched_with_the_python_that_was_made() {
    let found = Reproduction {
        data: vec![
            data("loans", "file:///srv/loans.csv"),
            data("rates", "s3://b/rates.csv"),
        ],
        command: [
            "/opt/venv/bin/python3.12",
            "train.py",
            "--data",
            "/srv/loans.csv",
            "--rates=s3://b/rates.csv",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Default::default()
    };
    let lines = last_lines(&found);
    let run = r#"run 'python' 'train.py' '--data' "$work/data/1-loans.csv" '--rates='"$work/data/2-rates.csv""#;
    assert!(lines.contains(run), "{lines}");
}

#[test]
fn a_script_alone_is_run_by_python() {
    let found = Reproduction {
        command: vec!["train.py".to_owned()],
        ..Default::default()
    };
    assert!(last_lines(&found).contains("run 'python' 'train.py'"));
    let nothing = last_lines(&Reproduction::default());
    assert!(nothing.contains("fail 'the command is not known'"));
}

use super::*;
use crate::making::sample::{Sample, key, node, sample};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn everything_that_is_known_is_given() {
    let descent = sample(&Sample {
        data: &[("loans", DIGEST, "")],
        uri: "s3://bucket/loans.csv",
        params: &[("lr", "0.1"), ("seed", "7")],
        packages: "numpy==1.0\npandas==2.0",
        ..Sample::default()
    });
    let output = |digest: &str, day: i64| {
        let facts = [("path", "model/w.bin"), ("size", "12")];
        let mut output = node(key("artifact", "r1/model/w.bin", digest), &facts);
        output.recorded_at += chrono::TimeDelta::days(day);
        output
    };
    let found = of(&descent, &[output("sha256:2", 2), output("sha256:1", 1)]);
    assert_eq!(found.run, "r1");
    assert_eq!(found.data[0].uri, "s3://bucket/loans.csv");
    assert_eq!(found.command, ["python", "train.py"]);
    assert_eq!(found.code.unwrap().commit, "aaa");
    assert_eq!(found.environment.unwrap().requirements.len(), 2);
    assert_eq!(found.seeds, ["seed"]);
    assert_eq!(found.metrics["acc"], "0.9");
    // What was uploaded last under the path.
    let last = Output {
        path: "model/w.bin".to_owned(),
        digest: "sha256:2".to_owned(),
        size: 12,
    };
    assert_eq!(found.outputs, [last]);
    assert!(found.missing.is_empty());
}

#[test]
fn what_is_missing_is_named_with_what_would_close_it() {
    let descent = sample(&Sample {
        data: &[("loans", "md5:1", "")],
        ..Sample::default()
    });
    let found = of(&descent, &[]);
    let all: Vec<_> = found.missing.iter().map(|gap| gap.what.as_str()).collect();
    assert!(
        all.iter()
            .any(|what| what.contains("says where it lies") && what.contains("dataset:loans"))
    );
    assert!(
        all.iter()
            .any(|what| what.contains("is not the SHA-256 of a file"))
    );
    assert!(found.missing.iter().all(|gap| !gap.remedy.is_empty()));
}

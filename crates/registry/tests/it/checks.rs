//! Checks: what pipelines report about exactly the files of a version.

use herdbook_proto::registry::v1::{
    Check, ListChecksRequest, ReportCheckRequest, RequiredChecks, rule::Rule as Asks,
};
use herdbook_testkit::grpc::{fields, preconditions, reason};

use crate::cluster::{Cluster, MODEL};

fn latency(passed: bool) -> ReportCheckRequest {
    ReportCheckRequest {
        model: MODEL.to_owned(),
        version: 1,
        name: "latency".to_owned(),
        passed,
        details: "p99 38 ms".to_owned(),
        url: "https://ci.example/812".to_owned(),
        ..Default::default()
    }
}

async fn checks(cluster: &Cluster) -> Vec<Check> {
    let request = ListChecksRequest {
        model: MODEL.to_owned(),
        version: 1,
        ..Default::default()
    };
    let answer = cluster.checks().list_checks(request).await.unwrap();
    answer.into_inner().checks
}

#[tokio::test]
async fn the_last_report_of_a_check_counts() {
    let cluster = Cluster::start().await;
    let asks = Asks::RequiredChecks(RequiredChecks {
        names: vec!["latency".to_owned()],
    });
    cluster.ask("Production", vec![asks]).await.unwrap();
    cluster.register(0.9).await;
    let what = async || {
        let refused = cluster.promote(1, "Production").await.unwrap_err();
        preconditions(&refused).pop().unwrap()
    };
    assert!(what().await.1.contains("latency was not reported"));
    cluster.checks().report_check(latency(false)).await.unwrap();
    let (kind, failed) = what().await;
    assert_eq!(kind, "REQUIRED_CHECKS");
    let evidence = "latency failed (p99 38 ms, https://ci.example/812), reported by ana";
    assert!(failed.contains(evidence), "{failed}");
    cluster.checks().report_check(latency(true)).await.unwrap();
    cluster.promote(1, "Production").await.unwrap();
    let kept = checks(&cluster).await;
    assert_eq!((kept.len(), kept[0].passed), (1, true));
}

#[tokio::test]
async fn a_report_is_about_the_files_it_names() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let digest = cluster.resolve("fraud-detector/1").await.unwrap().digest;
    let of = |digest: String| ReportCheckRequest {
        digest,
        ..latency(true)
    };
    let other = format!("sha256:{}", "0".repeat(64));
    let refused = cluster.checks().report_check(of(other)).await.unwrap_err();
    assert_eq!(reason(&refused).1, "OTHER_DIGEST");
    assert!(checks(&cluster).await.is_empty());
    cluster.checks().report_check(of(digest)).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_told() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let wrong = ReportCheckRequest {
        name: String::new(),
        digest: "md5:1".to_owned(),
        details: "x".repeat(10_000_000),
        url: "javascript:alert(1)".to_owned(),
        ..latency(true)
    };
    let refused = cluster.checks().report_check(wrong).await.unwrap_err();
    let mut places = fields(&refused);
    places.dedup();
    assert_eq!(places, ["name", "details", "url", "digest"]);
}

#[tokio::test]
async fn checks_of_several_versions_are_listed_together() {
    let cluster = Cluster::start().await;
    for _ in 0..3 {
        cluster.register(0.9).await;
    }
    // About the files, which all of them have.
    for (name, passed) in [("latency", true), ("bias", false)] {
        let report = ReportCheckRequest {
            name: name.to_owned(),
            passed,
            ..latency(true)
        };
        cluster.checks().report_check(report).await.unwrap();
    }
    let list = async |versions: Vec<i64>| {
        let request = ListChecksRequest {
            model: MODEL.to_owned(),
            versions,
            ..Default::default()
        };
        let answer = cluster.checks().list_checks(request).await?;
        Ok::<_, tonic::Status>(answer.into_inner().checks)
    };
    let found = list(vec![3, 1, 99]).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|check| (check.version, check.name.as_str(), check.passed))
        .collect();
    let expected = [
        (1, "bias", false),
        (1, "latency", true),
        (3, "bias", false),
        (3, "latency", true),
    ];
    assert_eq!(found, expected);
    let refused = list(vec![1; 101]).await.unwrap_err();
    assert_eq!(fields(&refused), ["versions"]);
}

//! Promotions: decided by rules, one at a time, and taken back in one call.

use std::sync::Arc;

use herdbook_proto::registry::v1::{
    Comparison, MetricThreshold, Outcome, RequiredTags, RollbackStageRequest, Rule,
    TransitionVersionRequest, UpdateVersionRequest, Version, rule::Rule as Asks,
};
use herdbook_testkit::grpc::{preconditions, reason};
use tonic::Code;

use crate::cluster::{Cluster, MODEL};

/// Nothing enters Production below an `acc` of 0.9, or without the tag `approved-by`.
async fn with_rules() -> Cluster {
    let cluster = Cluster::start().await;
    let mut policy = cluster.policy().await;
    let threshold = MetricThreshold {
        metric: "acc".to_owned(),
        comparison: Comparison::AtLeast.into(),
        threshold: 0.9,
    };
    let tags = RequiredTags {
        keys: vec!["approved-by".to_owned()],
    };
    let into_production = policy
        .moves
        .iter_mut()
        .find(|step| step.to == "Production")
        .unwrap();
    into_production.rules = vec![
        Rule {
            name: "accurate".to_owned(),
            rule: Some(Asks::MetricThreshold(threshold)),
        },
        Rule {
            name: "approved".to_owned(),
            rule: Some(Asks::RequiredTags(tags)),
        },
    ];
    cluster.set_policy(policy).await.unwrap();
    cluster
}

async fn approve(cluster: &Cluster, number: i64) {
    let version = Version {
        model: MODEL.to_owned(),
        number,
        tags: [("approved-by".to_owned(), "bo".to_owned())].into(),
        ..Default::default()
    };
    let update_mask = prost_types::FieldMask {
        paths: vec!["tags.approved-by".to_owned()],
    };
    let request = UpdateVersionRequest {
        version: Some(version),
        update_mask: Some(update_mask),
    };
    cluster.versions().update_version(request).await.unwrap();
}

#[tokio::test]
async fn a_refusal_names_each_rule_that_failed_and_is_kept() {
    let cluster = with_rules().await;
    let number = cluster.register(0.85).await;
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "TRANSITION_REFUSED".into())
    );
    let rules = preconditions(&refused);
    let kinds: Vec<_> = rules.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["METRIC_THRESHOLD", "REQUIRED_TAGS"]);
    assert!(rules[0].1.contains("acc at least 0.9") && rules[0].1.contains("acc is 0.85 in run"));
    let last = cluster.audit().await.pop().unwrap().decision.unwrap();
    assert_eq!(
        (last.outcome(), last.version, &*last.to),
        (Outcome::Refused, number, "Production")
    );
    assert_eq!(cluster.in_stage("None").await, [number]);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_does_nothing() {
    let cluster = with_rules().await;
    let number = cluster.register(0.95).await;
    let records = cluster.audit().await.len();
    let dry = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version: number,
        to: "production".to_owned(),
        dry_run: true,
        ..Default::default()
    };
    let decision = cluster.transition(dry.clone()).await.unwrap();
    assert_eq!(decision.outcome(), Outcome::WouldRefuse);
    let passed: Vec<_> = decision
        .verdicts
        .iter()
        .map(|verdict| verdict.passed)
        .collect();
    assert_eq!(passed, [true, false]);
    assert_eq!(cluster.audit().await.len(), records);
    approve(&cluster, number).await;
    assert_eq!(
        cluster.transition(dry).await.unwrap().outcome(),
        Outcome::WouldAllow
    );
    assert_eq!(
        cluster
            .promote(number, "Production")
            .await
            .unwrap()
            .outcome(),
        Outcome::Allowed
    );
}

#[tokio::test]
async fn a_metric_that_is_nan_or_missing_fails_the_rule() {
    let cluster = with_rules().await;
    let number = cluster.register(f64::NAN).await;
    approve(&cluster, number).await;
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    assert!(preconditions(&refused)[0].1.contains("NaN"), "{refused}");
}

#[tokio::test]
async fn the_former_version_makes_way_comes_back_and_goes_again() {
    let cluster = Cluster::start().await;
    let (first, second) = (cluster.register(0.1).await, cluster.register(0.2).await);
    cluster.promote(first, "Production").await.unwrap();
    let decision = cluster.promote(second, "Production").await.unwrap();
    assert_eq!(decision.displaced, [first]);
    assert_eq!(cluster.in_stage("Archived").await, [first]);
    let rollback = RollbackStageRequest {
        model: MODEL.to_owned(),
        stage: "Production".to_owned(),
        ..Default::default()
    };
    let back = cluster
        .transitions()
        .rollback_stage(rollback.clone())
        .await
        .unwrap();
    let back = back.into_inner().decision.unwrap();
    assert_eq!((back.version, &back.displaced[..]), (first, &[second][..]));
    assert_eq!(cluster.in_stage("Production").await, [first]);
    cluster.promote(second, "Production").await.unwrap();
    assert_eq!(cluster.in_stage("Production").await, [second]);
    let staging = RollbackStageRequest {
        stage: "Staging".to_owned(),
        ..rollback
    };
    let refused = cluster
        .transitions()
        .rollback_stage(staging)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "NOTHING_BEFORE".into())
    );
}

#[tokio::test]
async fn a_repeated_request_is_decided_once_and_a_stale_one_not_at_all() {
    let cluster = Cluster::start().await;
    let number = cluster.register(0.1).await;
    let seen = cluster.model().await.revision;
    let request = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version: number,
        to: "Staging".to_owned(),
        expected_revision: seen,
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let first = cluster.transition(request.clone()).await.unwrap();
    assert_eq!(cluster.transition(request.clone()).await.unwrap(), first);
    let stale = TransitionVersionRequest {
        request_id: String::new(),
        ..request
    };
    let refused = cluster.transition(stale).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Aborted, "CONCURRENT_TRANSITION".into())
    );
    assert!(
        refused.message().contains("by ana"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn unknown_stages_and_versions_are_told() {
    let cluster = Cluster::start().await;
    let number = cluster.register(0.1).await;
    let refused = cluster.promote(number, "Prod").await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "STAGE_NOT_FOUND".into()));
    assert!(
        refused
            .message()
            .contains("None, Staging, Production, Archived")
    );
    let refused = cluster.promote(99, "Staging").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "VERSION_NOT_FOUND".into())
    );
    let refused = cluster.promote(number, "None").await.unwrap_err();
    assert!(
        preconditions(&refused)[0]
            .1
            .contains("stands in None already")
    );
}

#[tokio::test]
async fn of_many_promotions_at_once_never_two_stand_in_production() {
    const VERSIONS: i64 = 8;
    let cluster = Arc::new(Cluster::start().await);
    for _ in 0..VERSIONS {
        cluster.register(0.9).await;
    }
    for _ in 0..5 {
        let tasks = (1..=VERSIONS).map(|version| {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.promote(version, "Production").await })
        });
        for task in tasks.collect::<Vec<_>>() {
            if let Err(refused) = task.await.unwrap() {
                let (code, why) = reason(&refused);
                let lost = (code, &*why) == (Code::Aborted, "CONCURRENT_TRANSITION");
                let stands = (code, &*why) == (Code::FailedPrecondition, "TRANSITION_REFUSED");
                assert!(
                    lost && refused.message().contains("by ana") || stands,
                    "{refused}"
                );
            }
        }
        assert_eq!(cluster.in_stage("Production").await.len(), 1);
    }
    // Replayed from the log: at no revision two.
    let mut standing: Vec<i64> = Vec::new();
    for record in cluster.audit().await {
        let Some(decision) = record.decision.filter(|d| d.outcome() == Outcome::Allowed) else {
            continue;
        };
        standing.retain(|version| !decision.displaced.contains(version));
        assert_eq!(decision.to, "Production");
        standing.push(decision.version);
        assert_eq!(standing, [decision.version], "revision {}", record.revision);
    }
}

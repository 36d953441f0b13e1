//! Policies: checked whole before they are kept.

use herdbook_proto::registry::v1::{Comparison, MetricThreshold, Rule, Stage, rule::Rule as Asks};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::Cluster;

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place() {
    let cluster = Cluster::start().await;
    let sound = cluster.policy().await;
    let refused = async |policy| fields(&cluster.set_policy(policy).await.unwrap_err());
    let mut wrong = sound.clone();
    wrong.moves[0].to = "Nowhere".to_owned();
    assert_eq!(refused(wrong).await, ["policy.moves[0].to"]);
    let mut wrong = sound.clone();
    wrong.stages.push(Stage {
        name: "Canary".to_owned(),
        ..Default::default()
    });
    assert_eq!(refused(wrong).await, ["policy.stages[4]"]);
    let mut wrong = sound.clone();
    let threshold = MetricThreshold {
        metric: "acc".to_owned(),
        comparison: Comparison::Above.into(),
        threshold: f64::NAN,
    };
    wrong.moves[1].rules = vec![Rule {
        name: "x".to_owned(),
        rule: Some(Asks::MetricThreshold(threshold)),
    }];
    assert_eq!(
        refused(wrong).await,
        ["policy.moves[1].rules[0].metric_threshold.threshold"]
    );
}

#[tokio::test]
async fn a_stage_in_use_stays() {
    let cluster = Cluster::start().await;
    let number = cluster.register(0.9).await;
    cluster.promote(number, "Staging").await.unwrap();
    let mut without = cluster.policy().await;
    without.stages.retain(|stage| stage.name != "Staging");
    without.moves.retain(|step| step.to != "Staging");
    let refused = cluster.set_policy(without).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "STAGE_IN_USE".into())
    );
}

#[tokio::test]
async fn a_policy_that_somebody_changed_meanwhile_is_not_overwritten() {
    let cluster = Cluster::start().await;
    let first = cluster.policy().await;
    let second = cluster.set_policy(first).await.unwrap();
    assert_eq!(second.revision, 1);
    cluster.set_policy(second.clone()).await.unwrap();
    let refused = cluster.set_policy(second).await.unwrap_err();
    assert_eq!(reason(&refused).0, Code::Aborted);
}

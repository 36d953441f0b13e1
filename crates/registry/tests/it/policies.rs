//! Policies: checked whole before they are kept.

use herdbook_proto::registry::v1::{
    ApplySharedPolicyRequest, ApplySharedPolicyResponse, AuditAction, Comparison,
    DeleteSharedPolicyRequest, GetSharedPolicyRequest, ListSharedPolicyRevisionsRequest,
    MetricThreshold, Policy, RequiredDescription, Rule, Stage, UseSharedPolicyRequest,
    rule::Rule as Asks,
};
use herdbook_testkit::grpc::{fields, preconditions, reason};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL};

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

/// Makes the shared policy `common` say this.
async fn apply(cluster: &Cluster, policy: Policy) -> Result<ApplySharedPolicyResponse, Status> {
    let request = ApplySharedPolicyRequest {
        name: "common".to_owned(),
        policy: Some(policy),
        dry_run: false,
    };
    let answer = cluster.policies().apply_shared_policy(request).await?;
    Ok(answer.into_inner())
}

async fn use_common(cluster: &Cluster) -> Result<(), Status> {
    let request = UseSharedPolicyRequest {
        model: MODEL.to_owned(),
        policy: "common".to_owned(),
    };
    cluster.policies().use_shared_policy(request).await?;
    Ok(())
}

/// The policy, with a description needed for Production.
fn described(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    policy.moves[2].rules = vec![Rule {
        name: "described".to_owned(),
        rule: Some(Asks::RequiredDescription(RequiredDescription {})),
    }];
    policy.revision = 0;
    policy
}

#[tokio::test]
async fn a_shared_policy_rules_all_models_that_use_it_at_once() {
    let cluster = Cluster::start().await;
    let plain = cluster.policy().await;
    let refused = use_common(&cluster).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "POLICY_NOT_FOUND".into())
    );
    assert!(apply(&cluster, plain.clone()).await.unwrap().changed);
    use_common(&cluster).await.unwrap();
    let number = cluster.register(0.9).await;
    cluster.promote(number, "Production").await.unwrap();

    let applied = apply(&cluster, described(&plain)).await.unwrap();
    let shared = applied.policy.unwrap();
    assert_eq!((shared.models, shared.policy.unwrap().revision), (1, 2));
    assert_eq!(applied.before.unwrap().moves, plain.moves);
    let other = cluster.register(0.9).await;
    let refused = cluster.promote(other, "Production").await.unwrap_err();
    assert_eq!(preconditions(&refused)[0].0, "REQUIRED_DESCRIPTION");
    let decision = cluster.audit().await.pop().unwrap().decision.unwrap();
    assert_eq!((&*decision.policy, decision.policy_revision), ("common", 2));

    // Its own again, it is left alone by the next revision.
    cluster.set_policy(cluster.policy().await).await.unwrap();
    assert_eq!(cluster.model().await.policy, "");
    assert_eq!(
        apply(&cluster, plain).await.unwrap().policy.unwrap().models,
        0
    );
    cluster.promote(other, "Production").await.unwrap_err();
}

#[tokio::test]
async fn what_is_the_same_is_no_revision_and_each_revision_is_kept() {
    let cluster = Cluster::start().await;
    let plain = cluster.policy().await;
    for (policy, changed) in [
        (plain.clone(), true),
        (plain.clone(), false),
        (described(&plain), true),
        (described(&plain), false),
    ] {
        assert_eq!(apply(&cluster, policy).await.unwrap().changed, changed);
    }
    let dry = ApplySharedPolicyRequest {
        name: "common".to_owned(),
        policy: Some(plain.clone()),
        dry_run: true,
    };
    let answer = cluster.policies().apply_shared_policy(dry).await.unwrap();
    assert!(answer.into_inner().changed);
    let request = ListSharedPolicyRevisionsRequest {
        name: "common".to_owned(),
        ..Default::default()
    };
    let found = cluster
        .policies()
        .list_shared_policy_revisions(request)
        .await;
    let revisions = found.unwrap().into_inner().revisions;
    let numbers: Vec<_> = revisions
        .into_iter()
        .map(|r| r.policy.unwrap().revision)
        .collect();
    assert_eq!(numbers, [2, 1]);
    let request = GetSharedPolicyRequest {
        name: "common".to_owned(),
        revision: 1,
    };
    let first = cluster.policies().get_shared_policy(request).await.unwrap();
    let first = first.into_inner().policy.unwrap().policy.unwrap();
    assert_eq!(first.moves, plain.moves);
    // By somebody who saw the first only.
    let refused = apply(&cluster, first).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Aborted, "CONCURRENT_TRANSITION".into())
    );
}

#[tokio::test]
async fn a_shared_policy_fits_what_stands_in_the_stages_of_its_models() {
    let cluster = Cluster::start().await;
    let plain = cluster.policy().await;
    apply(&cluster, plain.clone()).await.unwrap();
    use_common(&cluster).await.unwrap();
    let number = cluster.register(0.9).await;
    cluster.promote(number, "Staging").await.unwrap();
    let mut without = plain;
    without.stages.retain(|stage| stage.name != "Staging");
    without.moves.retain(|step| step.to != "Staging");
    let refused = apply(&cluster, without).await.unwrap_err();
    assert_eq!(reason(&refused).1, "STAGE_IN_USE");
    assert!(refused.message().contains(MODEL), "{refused}");
}

#[tokio::test]
async fn a_shared_policy_is_deleted_when_no_model_uses_it_and_its_revisions_stay() {
    let cluster = Cluster::start().await;
    let plain = cluster.policy().await;
    apply(&cluster, plain.clone()).await.unwrap();
    use_common(&cluster).await.unwrap();
    let delete = async || {
        let request = DeleteSharedPolicyRequest {
            name: "common".to_owned(),
        };
        cluster.policies().delete_shared_policy(request).await
    };
    let refused = delete().await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "POLICY_IN_USE".into())
    );
    assert!(refused.message().contains(MODEL), "{refused}");
    cluster.set_policy(plain.clone()).await.unwrap();
    delete().await.unwrap();
    let last = cluster.audit().await.pop().unwrap();
    assert_eq!(last.action(), AuditAction::DeletePolicy);
    let gone = [
        delete().await.unwrap_err(),
        use_common(&cluster).await.unwrap_err(),
    ];
    for refused in gone {
        assert_eq!(reason(&refused).1, "POLICY_NOT_FOUND");
    }
    let get = async |revision| {
        let request = GetSharedPolicyRequest {
            name: "common".to_owned(),
            revision,
        };
        cluster.policies().get_shared_policy(request).await
    };
    assert_eq!(reason(&get(0).await.unwrap_err()).1, "POLICY_NOT_FOUND");
    let first = get(1).await.unwrap().into_inner().policy.unwrap();
    assert_eq!(first.policy.unwrap().moves, plain.moves);
    // Another of its name is not mistaken for it.
    let again = apply(&cluster, plain).await.unwrap();
    assert!(again.before.is_none());
    assert_eq!(again.policy.unwrap().policy.unwrap().revision, 2);
}

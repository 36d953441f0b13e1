//! Rollbacks: what a stage held before comes back, and the past of a stage can be asked for.

use herdbook_proto::{
    common::v1::Role,
    registry::v1::{
        ApproveRequestRequest, AuditAction, AuditRecord, ListStaysRequest, Outcome,
        RequiredApprovals, Rollback, RollbackStageRequest, Rule, Stay, TransitionVersionRequest,
        rule::Rule as Asks,
    },
};
use herdbook_testkit::grpc::{fields, preconditions, reason};
use tonic::Code;

use crate::cluster::{Cluster, MODEL, by};

fn back() -> RollbackStageRequest {
    RollbackStageRequest {
        model: MODEL.to_owned(),
        stage: "Production".to_owned(),
        ..Default::default()
    }
}

/// With versions 1, 2 and 3 in Production, one after the other.
async fn with_three() -> Cluster {
    let cluster = Cluster::start().await;
    for _ in 0..3 {
        let number = cluster.register(0.9).await;
        cluster.promote(number, "Production").await.unwrap();
    }
    cluster
}

async fn stays(cluster: &Cluster, request: ListStaysRequest) -> Vec<Stay> {
    let request = ListStaysRequest {
        model: MODEL.to_owned(),
        stage: "Production".to_owned(),
        ..request
    };
    let answer = cluster.transitions().list_stays(request).await.unwrap();
    answer.into_inner().stays
}

#[tokio::test]
async fn one_after_another_goes_further_back_and_never_brings_the_bad_one_again() {
    let cluster = with_three().await;
    assert_eq!(cluster.rollback(back()).await.unwrap().version, 2);
    assert_eq!(cluster.rollback(back()).await.unwrap().version, 1);
    let refused = cluster.rollback(back()).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "NOTHING_BEFORE".into())
    );
    // Promoted again, it is what stood there before no more than any other.
    cluster.promote(3, "Production").await.unwrap();
    assert_eq!(cluster.rollback(back()).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_named_version_comes_back_if_it_stood_there() {
    let cluster = with_three().await;
    let never = cluster.register(0.9).await;
    let to = |version| RollbackStageRequest { version, ..back() };
    let refused = cluster.rollback(to(never)).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "NOTHING_BEFORE".into())
    );
    assert_eq!(cluster.rollback(to(1)).await.unwrap().displaced, [3]);
    // Version 2 came after the one that was returned to.
    cluster.rollback(back()).await.unwrap_err();
}

#[tokio::test]
async fn it_goes_by_the_rules_of_the_policy_an_approver_by_default() {
    let cluster = with_three().await;
    let asked = by("cyd=contributor", back());
    let refused = cluster
        .transitions()
        .rollback_stage(asked)
        .await
        .unwrap_err();
    assert_eq!(preconditions(&refused)[0].0, "REQUIRED_ROLE");
    let last = cluster.audit().await.pop().unwrap().decision.unwrap();
    assert_eq!(
        (last.outcome(), &*last.principal),
        (Outcome::Refused, "cyd")
    );

    let mut policy = cluster.policy().await;
    policy.rollback = Some(Default::default());
    cluster.set_policy(policy).await.unwrap();
    let asked = by("cyd=contributor", back());
    cluster.transitions().rollback_stage(asked).await.unwrap();
    assert_eq!(cluster.in_stage("Production").await, [2]);
}

#[tokio::test]
async fn it_waits_for_approvals_where_the_policy_asks_for_them() {
    let cluster = with_three().await;
    let mut policy = cluster.policy().await;
    let approved = RequiredApprovals {
        count: 1,
        role: Role::Approver.into(),
        ..Default::default()
    };
    let rules = vec![Rule {
        name: "four-eyes".to_owned(),
        rule: Some(Asks::RequiredApprovals(approved)),
    }];
    policy.rollback = Some(Rollback { rules });
    cluster.set_policy(policy).await.unwrap();
    let ask = async || {
        let request = RollbackStageRequest {
            request_id: "once".to_owned(),
            ..back()
        };
        let asked = by("cyd=contributor", request);
        let asked = cluster.transitions().rollback_stage(asked).await.unwrap();
        asked.into_inner().decision.unwrap()
    };
    let asked = ask().await;
    assert_eq!((asked.outcome(), asked.version), (Outcome::Pending, 2));
    assert_eq!(ask().await, asked);
    // An approval of the rollback is none of a move to the same stage.
    cluster.promote(1, "Production").await.unwrap();
    let approve = ApproveRequestRequest {
        id: asked.request,
        ..Default::default()
    };
    let approved = cluster
        .requests()
        .approve_request(by("bo=approver", approve))
        .await
        .unwrap()
        .into_inner();
    assert!(approved.request.unwrap().rollback);
    let decision = approved.decision.unwrap();
    assert_eq!(
        (decision.outcome(), decision.version, &*decision.displaced),
        (Outcome::Allowed, 2, &[1][..])
    );
    assert_eq!(cluster.in_stage("Production").await, [2]);
    let log = cluster.audit().await;
    let actions: Vec<_> = log.iter().map(AuditRecord::action).collect();
    let expected = [
        AuditAction::RequestRollback,
        AuditAction::Transition,
        AuditAction::Rollback,
    ];
    assert!(actions.ends_with(&expected), "{actions:?}");
    // All that came after the version that it returned to is undone: before it there was 1.
    let dry = RollbackStageRequest {
        dry_run: true,
        ..back()
    };
    let next = cluster.rollback(dry).await.unwrap();
    assert_eq!((next.outcome(), next.version), (Outcome::WouldPend, 1));
}

#[tokio::test]
async fn a_dry_run_and_a_stale_revision_change_nothing() {
    let cluster = with_three().await;
    let dry = RollbackStageRequest {
        dry_run: true,
        ..back()
    };
    let decision = cluster.rollback(dry.clone()).await.unwrap();
    assert_eq!(
        (decision.outcome(), decision.version, &*decision.displaced),
        (Outcome::WouldAllow, 2, &[3][..])
    );
    for dry_run in [true, false] {
        let stale = RollbackStageRequest {
            expected_revision: 1,
            dry_run,
            ..back()
        };
        let refused = cluster.rollback(stale).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::Aborted, "CONCURRENT_TRANSITION".into())
        );
    }
    assert_eq!(cluster.in_stage("Production").await, [3]);
}

#[tokio::test]
async fn a_request_id_is_of_one_request() {
    let cluster = with_three().await;
    let first = RollbackStageRequest {
        request_id: "once".to_owned(),
        ..back()
    };
    let decided = cluster.rollback(first.clone()).await.unwrap();
    assert_eq!(cluster.rollback(first.clone()).await.unwrap(), decided);
    assert_eq!(cluster.in_stage("Production").await, [2]);
    let other = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version: 3,
        to: "Production".to_owned(),
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let refused = cluster.transition(other).await.unwrap_err();
    assert_eq!(fields(&refused), ["request_id"]);
}

#[tokio::test]
async fn what_stood_there_when_is_told() {
    let cluster = with_three().await;
    cluster.rollback(back()).await.unwrap();
    let all = stays(&cluster, ListStaysRequest::default()).await;
    let numbers: Vec<_> = all.iter().map(|stay| stay.version).collect();
    assert_eq!(numbers, [2, 3, 2, 1]);
    assert!(all[0].left_at.is_none() && all[0].left_revision.is_none());
    // Without a gap or an overlap.
    for pair in all.windows(2) {
        assert_eq!(pair[1].left_at, pair[0].entered_at);
    }
    for stay in &all {
        let at = ListStaysRequest {
            at: stay.entered_at,
            ..Default::default()
        };
        let found = stays(&cluster, at).await;
        assert_eq!(
            found.iter().map(|s| s.version).collect::<Vec<_>>(),
            [stay.version]
        );
    }
    let long_ago = ListStaysRequest {
        at: Some(prost_types::Timestamp::default()),
        ..Default::default()
    };
    assert!(stays(&cluster, long_ago).await.is_empty());

    let mut page_token = String::new();
    let mut paged = Vec::new();
    loop {
        let request = ListStaysRequest {
            model: MODEL.to_owned(),
            stage: "production".to_owned(),
            page_size: 1,
            page_token,
            ..Default::default()
        };
        let page = cluster.transitions().list_stays(request).await.unwrap();
        let page = page.into_inner();
        paged.extend(page.stays);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
}

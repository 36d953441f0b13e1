//! Requests: moves that wait for approvals, judged anew with each.

use std::sync::Arc;

use herdbook_proto::{
    common::v1::Role,
    registry::v1::{
        ApproveRequestRequest, ApproveRequestResponse, AuditAction, AuditRecord, Decision,
        GetRequestRequest, ListRequestsRequest, Outcome, RejectRequestRequest, ReportCheckRequest,
        RequestState, RequiredApprovals, RequiredChecks, TransitionVersionRequest,
        WithdrawRequestRequest, rule::Rule as Asks,
    },
};
use herdbook_testkit::grpc::{fields, preconditions, reason};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL, by};

fn approvals(count: u32) -> Asks {
    Asks::RequiredApprovals(RequiredApprovals {
        count,
        role: Role::Approver.into(),
        ..Default::default()
    })
}

fn into_production(version: i64) -> TransitionVersionRequest {
    TransitionVersionRequest {
        model: MODEL.to_owned(),
        version,
        to: "Production".to_owned(),
        ..Default::default()
    }
}

/// A version that ana registered, and cyd's request to move it to Production.
async fn with_request(asks: Vec<Asks>) -> (Cluster, i64) {
    let cluster = Cluster::start().await;
    cluster.ask("Production", asks).await.unwrap();
    let number = cluster.register(0.9).await;
    let decision = ask(&cluster, into_production(number)).await.unwrap();
    assert_eq!(decision.outcome(), Outcome::Pending);
    (cluster, decision.request)
}

async fn ask(cluster: &Cluster, request: TransitionVersionRequest) -> Result<Decision, Status> {
    let request = by("cyd=contributor", request);
    let answer = cluster.transitions().transition_version(request).await?;
    Ok(answer.into_inner().decision.unwrap())
}

async fn approve(
    cluster: &Cluster,
    who: &'static str,
    id: i64,
) -> Result<ApproveRequestResponse, Status> {
    let request = ApproveRequestRequest {
        id,
        ..Default::default()
    };
    let answer = cluster.requests().approve_request(by(who, request)).await?;
    Ok(answer.into_inner())
}

async fn state(cluster: &Cluster, id: i64) -> RequestState {
    let request = GetRequestRequest { id };
    let answer = cluster.requests().get_request(request).await.unwrap();
    answer.into_inner().request.unwrap().state()
}

#[tokio::test]
async fn the_last_approval_does_the_move_in_the_same_commit() {
    let (cluster, id) = with_request(vec![approvals(2)]).await;
    assert_eq!(cluster.in_stage("Production").await, [0; 0]);
    let first = approve(&cluster, "bo=approver", id).await.unwrap();
    let decision = first.decision.unwrap();
    assert_eq!(decision.outcome(), Outcome::Pending);
    assert!(decision.verdicts[0].evidence.starts_with("1 of 2: bo"));
    // Asked again, it is the same request.
    let again = ask(&cluster, into_production(1)).await.unwrap();
    assert_eq!((again.outcome(), again.request), (Outcome::Pending, id));

    let second = approve(&cluster, "dee=approver", id).await.unwrap();
    let (decision, request) = (second.decision.unwrap(), second.request.unwrap());
    assert_eq!(decision.outcome(), Outcome::Allowed);
    assert_eq!(
        (request.state(), request.approvals.len()),
        (RequestState::Done, 2)
    );
    assert_eq!(cluster.in_stage("Production").await, [1]);
    let actions: Vec<_> = cluster
        .audit()
        .await
        .iter()
        .map(AuditRecord::action)
        .collect();
    let last = [
        AuditAction::RequestTransition,
        AuditAction::ApproveRequest,
        AuditAction::Transition,
    ];
    assert!(actions.ends_with(&last), "{actions:?}");
    let refused = approve(&cluster, "eve=approver", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "REQUEST_CLOSED");
}

#[tokio::test]
async fn some_approvals_are_refused() {
    let (cluster, id) = with_request(vec![approvals(2)]).await;
    // ana registered the version, cyd asked for the move.
    for author in ["ana=admin", "cyd=approver"] {
        let refused = approve(&cluster, author, id).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::FailedPrecondition, "APPROVED_BY_AUTHOR".into())
        );
    }
    let refused = approve(&cluster, "fay=contributor", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "APPROVAL_NOT_ASKED");
    approve(&cluster, "bo=approver", id).await.unwrap();
    let refused = approve(&cluster, "bo=approver", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "APPROVED_TWICE");
    let other = ApproveRequestRequest {
        id,
        digest: format!("sha256:{}", "0".repeat(64)),
        ..Default::default()
    };
    let refused = cluster
        .requests()
        .approve_request(by("dee=approver", other))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused).1, "REQUEST_OF_ANOTHER");
    let refused = approve(&cluster, "bo=approver", 999).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "REQUEST_NOT_FOUND".into())
    );
}

#[tokio::test]
async fn who_lost_the_role_does_not_count_any_more() {
    let (cluster, id) = with_request(vec![approvals(2)]).await;
    approve(&cluster, "bo=approver", id).await.unwrap();
    cluster.revoke("bo");
    let second = approve(&cluster, "dee=approver", id).await.unwrap();
    let decision = second.decision.unwrap();
    assert_eq!(decision.outcome(), Outcome::Pending);
    let evidence = &decision.verdicts[0].evidence;
    assert!(
        evidence.contains("bo has no role here any more"),
        "{evidence}"
    );
    cluster.revoke("cyd");
    let refused = approve(&cluster, "eve=approver", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "REQUESTER_GONE");
}

#[tokio::test]
async fn named_people_approve_whatever_their_role() {
    let named = Asks::RequiredApprovals(RequiredApprovals {
        count: 1,
        names: vec!["fay".to_owned(), "gus".to_owned()],
        ..Default::default()
    });
    let (cluster, id) = with_request(vec![named]).await;
    let refused = approve(&cluster, "bo=admin", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "APPROVAL_NOT_ASKED");
    let done = approve(&cluster, "fay=contributor", id).await.unwrap();
    assert_eq!(done.decision.unwrap().outcome(), Outcome::Allowed);
    for wrong in [
        RequiredApprovals {
            count: 1,
            ..Default::default()
        },
        RequiredApprovals {
            count: 2,
            names: vec!["fay".to_owned()],
            ..Default::default()
        },
        RequiredApprovals {
            role: Role::Approver.into(),
            ..Default::default()
        },
    ] {
        let refused = cluster
            .ask("Production", vec![Asks::RequiredApprovals(wrong)])
            .await
            .unwrap_err();
        assert!(fields(&refused)[0].starts_with("policy.moves[2].rules[0].required_approvals"));
    }
}

#[tokio::test]
async fn other_rules_refuse_unless_a_request_is_asked_for() {
    let cluster = Cluster::start().await;
    let checked = Asks::RequiredChecks(RequiredChecks {
        names: vec!["latency".to_owned()],
    });
    cluster
        .ask("Production", vec![approvals(1), checked])
        .await
        .unwrap();
    let number = cluster.register(0.9).await;
    let refused = ask(&cluster, into_production(number)).await.unwrap_err();
    assert_eq!(preconditions(&refused).len(), 2);
    let request = TransitionVersionRequest {
        request: true,
        ..into_production(number)
    };
    let dry = TransitionVersionRequest {
        dry_run: true,
        ..request.clone()
    };
    assert_eq!(
        ask(&cluster, dry).await.unwrap().outcome(),
        Outcome::WouldPend
    );
    let id = ask(&cluster, request).await.unwrap().request;
    // Approved, it waits for the check; then whoever asked asks again.
    let approved = approve(&cluster, "bo=approver", id).await.unwrap();
    assert_eq!(approved.decision.unwrap().outcome(), Outcome::Pending);
    let report = ReportCheckRequest {
        model: MODEL.to_owned(),
        version: number,
        name: "latency".to_owned(),
        passed: true,
        ..Default::default()
    };
    cluster.checks().report_check(report).await.unwrap();
    let refused = cluster.promote(number, "Production").await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::AlreadyExists, "REQUEST_OPEN".into())
    );
    let decision = ask(&cluster, into_production(number)).await.unwrap();
    assert_eq!(decision.outcome(), Outcome::Allowed);
    assert_eq!(state(&cluster, id).await, RequestState::Done);
}

#[tokio::test]
async fn a_request_ends_when_it_is_withdrawn_rejected_expired_or_overtaken() {
    let (cluster, id) = with_request(vec![approvals(1)]).await;
    let withdraw = WithdrawRequestRequest {
        id,
        ..Default::default()
    };
    let refused = cluster
        .requests()
        .withdraw_request(by("bo=approver", withdraw.clone()))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused).1, "REQUEST_NOT_YOURS");
    let withdraw = by("cyd=contributor", withdraw);
    cluster.requests().withdraw_request(withdraw).await.unwrap();
    assert_eq!(state(&cluster, id).await, RequestState::Withdrawn);

    let id = ask(&cluster, into_production(1)).await.unwrap().request;
    let reject = RejectRequestRequest {
        id,
        ..Default::default()
    };
    cluster
        .requests()
        .reject_request(by("bo=approver", reject))
        .await
        .unwrap();
    let refused = approve(&cluster, "bo=approver", id).await.unwrap_err();
    assert!(refused.message().contains("rejected"), "{refused}");

    let id = ask(&cluster, into_production(1)).await.unwrap().request;
    sqlx::query("UPDATE registry.requests SET expires_at = clock_timestamp() WHERE id = $1")
        .bind(id)
        .execute(cluster.database.pool())
        .await
        .unwrap();
    assert_eq!(state(&cluster, id).await, RequestState::Expired);
    let refused = approve(&cluster, "bo=approver", id).await.unwrap_err();
    assert_eq!(reason(&refused).1, "REQUEST_CLOSED");

    let id = ask(&cluster, into_production(1)).await.unwrap().request;
    cluster.promote(1, "Staging").await.unwrap();
    assert_eq!(state(&cluster, id).await, RequestState::Outdated);

    let list = async |include_closed| {
        let request = ListRequestsRequest {
            include_closed,
            ..Default::default()
        };
        let answer = cluster.requests().list_requests(request).await.unwrap();
        answer.into_inner().requests.len()
    };
    assert_eq!((list(false).await, list(true).await), (0, 4));
}

#[tokio::test]
async fn an_admin_may_override_rules_but_not_the_policy() {
    let cluster = Cluster::start().await;
    cluster.ask("Production", vec![approvals(1)]).await.unwrap();
    let number = cluster.register(0.9).await;
    let request = TransitionVersionRequest {
        override_reason: "the site is down".to_owned(),
        ..into_production(number)
    };
    let refused = ask(&cluster, request.clone()).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::PermissionDenied, "OVERRIDE_NOT_ALLOWED".into())
    );
    let decision = cluster.transition(request.clone()).await.unwrap();
    assert_eq!(decision.outcome(), Outcome::Overridden);
    assert_eq!(cluster.in_stage("Production").await, [number]);
    let last = cluster.audit().await.pop().unwrap();
    assert_eq!(last.action(), AuditAction::Override);
    assert_eq!(last.decision.unwrap().override_reason, "the site is down");

    let mut policy = cluster.policy().await;
    policy.moves.retain(|step| step.to != "Archived");
    cluster.set_policy(policy).await.unwrap();
    let request = TransitionVersionRequest {
        to: "Archived".to_owned(),
        ..request
    };
    let refused = cluster.transition(request).await.unwrap_err();
    assert_eq!(preconditions(&refused)[0].0, "NO_SUCH_MOVE");
}

#[tokio::test]
async fn of_many_approvals_at_once_each_counts_once() {
    let (cluster, id) = with_request(vec![approvals(3)]).await;
    let cluster = Arc::new(cluster);
    let people = [
        "p1=approver",
        "p2=approver",
        "p3=approver",
        "p4=approver",
        "p5=approver",
        "p6=approver",
    ];
    let tasks = people.map(|who| {
        let cluster = cluster.clone();
        tokio::spawn(async move { approve(&cluster, who, id).await })
    });
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(approved) => {
                let outcome = approved.decision.unwrap().outcome();
                done += i32::from(outcome == Outcome::Allowed);
            }
            Err(refused) => assert_eq!(reason(&refused).1, "REQUEST_CLOSED"),
        }
    }
    assert_eq!(done, 1);
    let request = GetRequestRequest { id };
    let request = cluster.requests().get_request(request).await.unwrap();
    assert_eq!(request.into_inner().request.unwrap().approvals.len(), 3);
}

#[tokio::test]
async fn what_waits_for_somebody_is_what_their_approval_counts_for() {
    let (cluster, id) = with_request(vec![approvals(2)]).await;
    let awaiting = async |who| {
        let request = ListRequestsRequest {
            awaiting_me: true,
            ..Default::default()
        };
        let answer = cluster.requests().list_requests(by(who, request)).await;
        let requests = answer.unwrap().into_inner().requests;
        requests.into_iter().map(|open| open.id).collect::<Vec<_>>()
    };
    assert_eq!(awaiting("bo=approver").await, [id]);
    // ana registered the version, and cyd asked for the move.
    for who in ["ana=admin", "cyd=approver", "eve=contributor", "eve=viewer"] {
        assert_eq!(awaiting(who).await, [0; 0], "{who}");
    }
    approve(&cluster, "bo=approver", id).await.unwrap();
    assert_eq!(awaiting("bo=approver").await, [0; 0]);
    assert_eq!(awaiting("dee=approver").await, [id]);
    approve(&cluster, "dee=approver", id).await.unwrap();
    assert_eq!(awaiting("fay=approver").await, [0; 0]);
}

#[tokio::test]
async fn pages_of_what_waits_hold_only_that() {
    let cluster = Cluster::start().await;
    let to_staging = Asks::RequiredApprovals(RequiredApprovals {
        count: 1,
        names: vec!["bo".to_owned()],
        ..Default::default()
    });
    cluster.ask("Production", vec![approvals(1)]).await.unwrap();
    cluster.ask("Staging", vec![to_staging]).await.unwrap();
    let mut for_bo = Vec::new();
    for _ in 0..3 {
        let number = cluster.register(0.9).await;
        for to in ["Staging", "Production"] {
            let request = TransitionVersionRequest {
                to: to.to_owned(),
                ..into_production(number)
            };
            let id = ask(&cluster, request).await.unwrap().request;
            if to == "Staging" {
                for_bo.insert(0, id);
            }
        }
    }
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRequestsRequest {
            awaiting_me: true,
            page_size: 2,
            page_token,
            ..Default::default()
        };
        // No approver: only what names bo counts a word of his.
        let request = by("bo=contributor", request);
        let answer = cluster.requests().list_requests(request).await.unwrap();
        let answer = answer.into_inner();
        listed.extend(answer.requests.iter().map(|open| open.id));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, for_bo);
}

//! Versions that move between stages through MLflow's door, as the registry decides.

use std::sync::Arc;

use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::{
    ApproveRequestRequest, AuditAction, Comparison, ListAuditRecordsRequest, MetricThreshold, Move,
    Outcome, Policy, RequiredApprovals, Rule, SetPolicyRequest, Stage,
    model_service_client::ModelServiceClient, request_service_client::RequestServiceClient,
    rule::Rule as Asks, transition_service_client::TransitionServiceClient,
};
use herdbook_rpc::{FixedCaller, Role};
use herdbook_testkit::grpc::Unsigned;
use serde_json::json;

use super::Door;

#[tokio::test]
async fn of_many_that_move_to_production_at_once_one_stands_there_and_the_audit_says_which_when() {
    let door = Arc::new(Door::start().await);
    door.model("m", 6).await;
    let moving: Vec<_> = (1..=6)
        .map(|version| {
            let door = Arc::clone(&door);
            tokio::spawn(async move {
                door.transition("m", &version.to_string(), "production")
                    .await
                    .0
            })
        })
        .collect();
    for moved in moving {
        assert_eq!(moved.await.unwrap(), 200);
    }
    let mut standing = Vec::new();
    for version in 1..=6 {
        standing.push(door.stage_of("m", version).await);
    }
    let count = |stage: &str| standing.iter().filter(|other| *other == stage).count();
    assert_eq!((count("Production"), count("Archived")), (1, 5));
    let request = ListAuditRecordsRequest {
        model: "m".to_owned(),
        ..Default::default()
    };
    let mut transitions = TransitionServiceClient::new(door.channel().await);
    let records = transitions.list_audit_records(request).await.unwrap();
    let records = records.into_inner().records;
    let last = records
        .iter()
        .find(|record| record.action() == AuditAction::Transition);
    let decision = last.unwrap().decision.clone().unwrap();
    assert_eq!(decision.outcome(), Outcome::Allowed);
    let place = usize::try_from(decision.version - 1).unwrap();
    assert_eq!(standing[place], "Production");
    let (_, latest) = door
        .asked("registered-models/get-latest-versions?name=m&stages=production")
        .await;
    assert_eq!(
        latest["model_versions"][0]["version"],
        decision.version.to_string()
    );
}

#[tokio::test]
async fn all_others_are_archived_where_that_is_asked_for() {
    let door = Door::start().await;
    door.model("m", 3).await;
    for version in ["1", "2"] {
        door.transition("m", version, "Staging").await;
    }
    assert_eq!(door.stage_of("m", 1).await, "Staging");
    let body = json!({
        "name": "m", "version": "3", "stage": "Staging", "archive_existing_versions": true
    });
    let (status, moved) = door
        .post("model-versions/transition-stage", body.clone())
        .await;
    assert_eq!(
        (status, &moved["model_version"]["current_stage"]),
        (200, &json!("Staging"))
    );
    assert_eq!(
        [door.stage_of("m", 1).await, door.stage_of("m", 2).await],
        ["Archived", "Archived"]
    );
    // The same again, as a client sends it that lost the answer.
    let (status, _) = door.post("model-versions/transition-stage", body).await;
    assert_eq!(status, 200);
    let (status, refused) = door.transition("m", "1", "Nowhere").await;
    let message = refused["message"].as_str().unwrap();
    assert!(
        status == 400 && message.contains("None, Staging, Production, Archived"),
        "{message}"
    );
}

#[tokio::test]
async fn several_stand_in_production_where_the_policy_lets_them() {
    let door = Door::start_as(Role::Admin).await;
    door.model("m", 3).await;
    let stages = ["None", "Production", "Archived"].map(|name| Stage {
        name: name.to_owned(),
        ..Default::default()
    });
    let moves = ["Production", "Archived"].map(|to| Move {
        from: "*".to_owned(),
        to: to.to_owned(),
        rules: Vec::new(),
    });
    let policy = Policy {
        stages: stages.into(),
        moves: moves.into(),
        ..Default::default()
    };
    let request = SetPolicyRequest {
        model: "m".to_owned(),
        policy: Some(policy),
    };
    let mut models = ModelServiceClient::new(door.channel().await);
    models.set_policy(request).await.unwrap();
    for version in ["2", "1"] {
        door.transition("m", version, "Production").await;
    }
    assert_eq!(door.stage_of("m", 2).await, "Production");
    let latest = "registered-models/get-latest-versions?name=m&stages=Production";
    let (_, latest) = door.asked(latest).await;
    assert_eq!(latest["model_versions"][0]["version"], "2");
    let body = json!({
        "name": "m", "version": "3", "stage": "Production", "archive_existing_versions": true
    });
    door.post("model-versions/transition-stage", body).await;
    let mut standing = Vec::new();
    for version in 1..=3 {
        standing.push(door.stage_of("m", version).await);
    }
    assert_eq!(standing, ["Archived", "Archived", "Production"]);
}

/// A policy in which moves to Live have this rule.
async fn set_rule(door: &Door, model: &str, asks: Asks) {
    let stage = |name: &str| Stage {
        name: name.to_owned(),
        ..Default::default()
    };
    let step = |to: &str, rules: Vec<Rule>| Move {
        from: "*".to_owned(),
        to: to.to_owned(),
        rules,
    };
    let rule = Rule {
        name: "strict".to_owned(),
        rule: Some(asks),
    };
    let policy = Policy {
        stages: vec![stage("Draft"), stage("Live")],
        moves: vec![step("Draft", vec![]), step("Live", vec![rule])],
        ..Default::default()
    };
    let mut models = ModelServiceClient::new(door.channel().await);
    let request = SetPolicyRequest {
        model: model.to_owned(),
        policy: Some(policy),
    };
    models.set_policy(request).await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_which_rule_failed_and_what_would_satisfy_it() {
    let door = Door::start_as(Role::Admin).await;
    door.post("registered-models/create", json!({"name": "m"}))
        .await;
    set_rule(
        &door,
        "m",
        Asks::MetricThreshold(MetricThreshold {
            metric: "acc".to_owned(),
            comparison: Comparison::AtLeast.into(),
            threshold: 0.9,
        }),
    )
    .await;
    let run = door.run().await;
    let body = json!({"name": "m", "source": "s3://bucket/model", "run_id": run});
    let (_, made) = door.post("model-versions/create", body).await;
    assert_eq!(made["model_version"]["current_stage"], "Draft");
    let (status, refused) = door.transition("m", "1", "live").await;
    assert_eq!(
        (status, &refused["error_code"]),
        (403, &json!("PERMISSION_DENIED"))
    );
    let message = refused["message"].as_str().unwrap();
    for said in [
        "strict",
        "acc at least 0.9",
        "has no metric acc",
        "register a version",
    ] {
        assert!(message.contains(said), "{message}");
    }
    let (status, refused) = door.transition("m", "1", "Production").await;
    assert!(status == 400 && refused["message"].as_str().unwrap().contains("Draft, Live"));
}

#[tokio::test]
async fn a_move_that_waits_for_approvals_is_filed_and_made_once_it_is_approved() {
    let door = Door::start_as(Role::Admin).await;
    door.post("registered-models/create", json!({"name": "m"}))
        .await;
    let asks = RequiredApprovals {
        count: 1,
        names: vec!["bob".to_owned()],
        ..Default::default()
    };
    set_rule(&door, "m", Asks::RequiredApprovals(asks)).await;
    let body = json!({"name": "m", "source": "s3://bucket/model"});
    door.post("model-versions/create", body).await;
    let (status, refused) = door.transition("m", "1", "Live").await;
    let message = refused["message"].as_str().unwrap();
    assert_eq!(status, 403, "{message}");
    assert_eq!(door.stage_of("m", 1).await, "Draft");

    let (_, id) = message.split_once("herdbook models approve ").unwrap();
    let id = id.split('`').next().unwrap().parse().unwrap();
    let bob = FixedCaller::new("bob", WorkspaceId(1), Role::Contributor);
    let bobs = Door::over(&door.database, Arc::new(bob), Arc::new(Unsigned), None).await;
    let approved = RequestServiceClient::new(bobs.channel().await)
        .approve_request(ApproveRequestRequest {
            id,
            ..Default::default()
        })
        .await;
    approved.unwrap();
    assert_eq!(door.stage_of("m", 1).await, "Live");
    // Who asked asks again, and learns that it is done.
    let (status, moved) = door.transition("m", "1", "Live").await;
    let stage = &moved["model_version"]["current_stage"];
    assert_eq!((status, stage), (200, &json!("Live")));
}

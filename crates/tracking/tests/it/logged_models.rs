//! Logged models: made, measured, linked, deleted, and known to lineage.

use std::collections::BTreeMap;

use herdbook_proto::{
    common::v1::Lifecycle,
    lineage::v1::GetAncestorsRequest,
    tracking::v1::{
        CreateLoggedModelRequest, CreateRunRequest, DeleteLoggedModelRequest,
        DeleteLoggedModelTagsRequest, GetLoggedModelRequest, LinkRunModelsRequest,
        ListRunModelsRequest, LogLoggedModelRequest, LogModelMetricsRequest, LoggedModel,
        LoggedModelMetric, LoggedModelStatus, MeasuredDataset, ModelOutput,
        RestoreLoggedModelRequest, SearchRunsRequest, UpdateLoggedModelRequest,
    },
};
use herdbook_testkit::{
    grpc::{fields, reason},
    wait_until,
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::cluster::Cluster;

pub(crate) async fn create(
    cluster: &Cluster,
    request: CreateLoggedModelRequest,
) -> Result<LoggedModel, Status> {
    let made = cluster.logged_models().create_logged_model(request).await?;
    Ok(made.into_inner().model.unwrap())
}

async fn get(cluster: &Cluster, id: &str) -> Result<LoggedModel, Status> {
    let model_id = id.to_owned();
    let request = GetLoggedModelRequest { model_id };
    let got = cluster.logged_models().get_logged_model(request).await?;
    Ok(got.into_inner().model.unwrap())
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

pub(crate) fn metric(model: &str, key: &str, value: f64, data: &str) -> LoggedModelMetric {
    LoggedModelMetric {
        model_id: model.to_owned(),
        key: key.to_owned(),
        value,
        time_us: Some(1_000),
        dataset: (!data.is_empty()).then(|| MeasuredDataset {
            name: data.to_owned(),
            digest: "d1".to_owned(),
        }),
        ..Default::default()
    }
}

pub(crate) async fn measure(
    cluster: &Cluster,
    run: &str,
    metrics: Vec<LoggedModelMetric>,
) -> Result<(), Status> {
    let run_id = run.to_owned();
    let request = LogModelMetricsRequest { run_id, metrics };
    let logged = cluster.logged_models().log_model_metrics(request).await;
    logged.map(|_| ())
}

async fn link(
    cluster: &Cluster,
    run: &str,
    inputs: &[&str],
    outputs: &[(&str, i64)],
) -> Result<(), Status> {
    let outputs = outputs.iter().map(|(id, step)| ModelOutput {
        model_id: (*id).to_owned(),
        step: *step,
    });
    let request = LinkRunModelsRequest {
        run_id: run.to_owned(),
        input_model_ids: inputs.iter().map(|id| (*id).to_owned()).collect(),
        outputs: outputs.collect(),
    };
    let linked = cluster.logged_models().link_run_models(request).await;
    linked.map(|_| ())
}

#[tokio::test]
async fn a_model_is_pending_until_it_is_said_how_it_came_out() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let request = CreateLoggedModelRequest {
        name: "fraud".to_owned(),
        r#type: "agent".to_owned(),
        source_run_id: run.clone(),
        params: pairs(&[("lr", "0.1")]),
        tags: pairs(&[("team", "risk")]),
        ..Default::default()
    };
    let made = create(&cluster, request).await.unwrap();
    assert!(made.id.starts_with("m-") && made.id.len() == 34);
    assert_eq!(made.status(), LoggedModelStatus::Pending);
    assert_eq!(made, get(&cluster, &made.id).await.unwrap());
    assert_eq!((&*made.source_run_id, &*made.r#type), (&*run, "agent"));
    let update = UpdateLoggedModelRequest {
        model: Some(LoggedModel {
            id: made.id.clone(),
            status: LoggedModelStatus::Failed.into(),
            status_message: "no disk".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["status".to_owned(), "status_message".to_owned()],
        }),
    };
    let updated = cluster.logged_models().update_logged_model(update).await;
    let updated = updated.unwrap().into_inner().model.unwrap();
    assert_eq!(updated.status(), LoggedModelStatus::Failed);
    assert_eq!(updated.status_message, "no disk");
    assert_eq!(updated.params, made.params);

    let unnamed = create(&cluster, CreateLoggedModelRequest::default()).await;
    assert!(!unnamed.unwrap().name.is_empty());
}

#[tokio::test]
async fn an_imported_model_keeps_its_id_and_time() {
    let cluster = Cluster::start().await;
    let request = CreateLoggedModelRequest {
        id: format!("m-{}", "0a".repeat(16)),
        created_at: Some(prost_types::Timestamp {
            seconds: 1_600_000_000,
            nanos: 5_000_000,
        }),
        ..Default::default()
    };
    let made = create(&cluster, request.clone()).await.unwrap();
    assert_eq!(made.id, request.id);
    assert_eq!(made.created_at, request.created_at);
    let taken = create(&cluster, request.clone()).await.unwrap_err();
    assert_eq!(
        reason(&taken),
        (Code::AlreadyExists, "LOGGED_MODEL_TAKEN".into())
    );
    let id = "model-1".to_owned();
    let refused = create(&cluster, CreateLoggedModelRequest { id, ..request }).await;
    assert_eq!(fields(&refused.unwrap_err()), ["id"]);
    let experiment_id = 77;
    let nowhere = CreateLoggedModelRequest {
        experiment_id,
        ..Default::default()
    };
    let refused = create(&cluster, nowhere).await.unwrap_err();
    assert_eq!(reason(&refused).1, "EXPERIMENT_NOT_FOUND");
}

#[tokio::test]
async fn params_are_written_once_and_tags_over_and_over() {
    let cluster = Cluster::start().await;
    let made = create(&cluster, CreateLoggedModelRequest::default()).await;
    let id = made.unwrap().id;
    let log = async |params: &[(&str, &str)], tags: &[(&str, &str)]| {
        let request = LogLoggedModelRequest {
            model_id: id.clone(),
            params: pairs(params),
            tags: pairs(tags),
        };
        let logged = cluster.logged_models().log_logged_model(request).await;
        logged.map(|_| ())
    };
    log(&[("lr", "1"), ("depth", "3")], &[("a", "1"), ("b", "1")])
        .await
        .unwrap();
    log(&[("lr", "1")], &[("a", "2")]).await.unwrap();
    let refused = log(&[("lr", "2"), ("new", "1")], &[("a", "3")]).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "PARAM_CHANGED".into())
    );
    let delete = DeleteLoggedModelTagsRequest {
        model_id: id.clone(),
        keys: vec!["b".to_owned(), "never".to_owned()],
    };
    let deleted = cluster
        .logged_models()
        .delete_logged_model_tags(delete)
        .await;
    assert_eq!(deleted.unwrap().into_inner().deleted, 1);
    let model = get(&cluster, &id).await.unwrap();
    assert_eq!(model.params, pairs(&[("lr", "1"), ("depth", "3")]));
    assert_eq!(model.tags, pairs(&[("a", "2")]));
}

#[tokio::test]
async fn a_measurement_that_is_sent_again_counts_once() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let made = create(&cluster, CreateLoggedModelRequest::default()).await;
    let id = made.unwrap().id;
    let sent = vec![
        metric(&id, "acc", 0.5, "train"),
        metric(&id, "acc", 0.4, "test"),
        metric(&id, "loss", f64::NAN, ""),
    ];
    measure(&cluster, &run, sent.clone()).await.unwrap();
    measure(&cluster, &run, sent.clone()).await.unwrap();
    let metrics = get(&cluster, &id).await.unwrap().metrics;
    let mut seen: Vec<_> = metrics
        .iter()
        .map(|m| {
            let data = m.dataset.as_ref().map_or("", |data| &data.name);
            (&*m.key, data, m.value.to_string(), m.run_id == run)
        })
        .collect();
    seen.sort();
    let expected = [
        ("acc", "test", "0.4".to_owned(), true),
        ("acc", "train", "0.5".to_owned(), true),
        ("loss", "", "NaN".to_owned(), true),
    ];
    assert_eq!(seen, expected);

    let stranger = metric(&format!("m-{}", "0".repeat(32)), "acc", 1.0, "");
    let refused = measure(&cluster, &run, vec![sent[0].clone(), stranger]).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "LOGGED_MODEL_NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_model_takes_nothing_until_it_is_restored() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let made = create(&cluster, CreateLoggedModelRequest::default()).await;
    let id = made.unwrap().id;
    let model_id = id.clone();
    let delete = DeleteLoggedModelRequest { model_id };
    let deleted = cluster.logged_models().delete_logged_model(delete).await;
    deleted.unwrap();
    let model = get(&cluster, &id).await.unwrap();
    assert_eq!(model.lifecycle(), Lifecycle::Deleted);
    let refused = measure(&cluster, &run, vec![metric(&id, "acc", 1.0, "")]).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "LOGGED_MODEL_DELETED");
    let model_id = id.clone();
    let restore = RestoreLoggedModelRequest { model_id };
    let restored = cluster.logged_models().restore_logged_model(restore).await;
    assert_eq!(
        restored.unwrap().into_inner().model.unwrap().lifecycle(),
        Lifecycle::Active
    );
    measure(&cluster, &run, vec![metric(&id, "acc", 1.0, "")])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_run_tells_which_models_it_used_and_made() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let other = cluster.create_run(CreateRunRequest::default()).await.id;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = create(&cluster, CreateLoggedModelRequest::default()).await;
        ids.push(made.unwrap().id);
    }
    link(&cluster, &run, &[&ids[2]], &[(&ids[0], 3), (&ids[1], 1)])
        .await
        .unwrap();
    link(&cluster, &run, &[&ids[2]], &[(&ids[0], 3)])
        .await
        .unwrap();
    let list = ListRunModelsRequest {
        run_ids: vec![other, run.clone()],
    };
    let listed = cluster.logged_models().list_run_models(list).await;
    let listed = listed.unwrap().into_inner().runs;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].run_id, run);
    assert_eq!(listed[0].input_model_ids, [ids[2].clone()]);
    let outputs = listed[0].outputs.iter();
    let outputs: Vec<_> = outputs.map(|o| (o.model_id.clone(), o.step)).collect();
    assert_eq!(outputs, [(ids[0].clone(), 3), (ids[1].clone(), 1)]);

    // A search tells the same, if it is asked to.
    for with_models in [true, false] {
        let search = SearchRunsRequest {
            with_models,
            ..Default::default()
        };
        let found = cluster.runs().search_runs(search).await.unwrap();
        let found = found.into_inner();
        assert_eq!(found.runs.len(), 2);
        let expected = if with_models { &listed[..] } else { &[] };
        assert_eq!(found.models, expected);
    }
}

#[tokio::test]
async fn lineage_knows_what_made_a_model_and_a_run_may_use_what_it_made() {
    let cluster = Cluster::start().await;
    let make = async |run: &str| {
        let request = CreateLoggedModelRequest {
            source_run_id: run.to_owned(),
            ..Default::default()
        };
        create(&cluster, request).await.unwrap().id
    };
    let first = cluster.create_run(CreateRunRequest::default()).await.id;
    let second = cluster.create_run(CreateRunRequest::default()).await.id;
    let base = make(&first).await;
    let tuned = make(&second).await;
    link(&cluster, &second, &[&base, &tuned], &[(&tuned, 0)])
        .await
        .unwrap();
    let ancestors = wait_until("lineage reaches the first run", async || {
        let request = GetAncestorsRequest {
            node: format!("logged_model:{tuned}"),
            ..Default::default()
        };
        let answer = cluster.lineage().get_ancestors(request).await.ok()?;
        let nodes = answer.into_inner().graph?.nodes.into_iter();
        let names: Vec<_> = nodes
            .filter_map(|node| Some(node.node?.key?.name))
            .collect();
        names.contains(&first).then_some(names)
    })
    .await;
    assert!(
        ancestors.contains(&base) && ancestors.contains(&second),
        "{ancestors:?}"
    );
    let parked: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tracking.outbox WHERE parked IS NOT NULL")
            .fetch_one(cluster.database.pool())
            .await
            .unwrap();
    assert_eq!(parked, 0);
}

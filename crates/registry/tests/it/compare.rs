//! CompareVersions: what is different, and nothing that is not.

use herdbook_proto::{
    registry::v1::{
        CompareVersionsRequest, CompareVersionsResponse, CreateVersionRequest, Difference,
        Direction, MetricDifference, ModelCard, compare_service_client::CompareServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, DefineMetricsRequest, LogBatchRequest, Metric, MetricDefinition,
        MetricGoal, UploadArtifactRequest, artifact_service_client::ArtifactServiceClient,
        metric_service_client::MetricServiceClient, upload_artifact_request::Message as Upload,
    },
};
use herdbook_testkit::{
    grpc::{elsewhere, fields, reason},
    wait_until,
};
use tonic::Status;

use crate::cluster::{Cluster, MODEL};

async fn compare(
    cluster: &Cluster,
    from: &str,
    to: &str,
) -> Result<CompareVersionsResponse, Status> {
    let request = CompareVersionsRequest {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let mut client = CompareServiceClient::new(cluster.channel.clone());
    Ok(client.compare_versions(request).await?.into_inner())
}

fn difference(name: &str, from: Option<&str>, to: Option<&str>) -> Difference {
    Difference {
        name: name.to_owned(),
        from: from.map(Into::into),
        to: to.map(Into::into),
    }
}

fn metric(key: &str, value: f64) -> Metric {
    Metric {
        key: key.to_owned(),
        value,
        ..Default::default()
    }
}

async fn upload(cluster: &Cluster, run_id: &str, path: &str, content: &'static [u8]) {
    let header = ArtifactHeader {
        run_id: run_id.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    };
    let messages = [Upload::Header(header), Upload::Chunk(content.into())];
    let messages = messages.map(|message| UploadArtifactRequest {
        message: Some(message),
    });
    let mut artifacts = ArtifactServiceClient::new(cluster.channel.clone());
    artifacts
        .upload_artifact(futures::stream::iter(messages))
        .await
        .unwrap();
}

#[tokio::test]
async fn each_thing_that_differs_is_told() {
    let cluster = Cluster::start().await;
    let (first, second) = (cluster.create_run(0.8).await, cluster.create_run(0.9).await);
    upload(&cluster, &first, "model/old.txt", b"old").await;
    upload(&cluster, &second, "model/new.txt", b"newer").await;
    for (run, lr, key) in [(&first, "0.1", "loss"), (&second, "0.01", "f1")] {
        let log = LogBatchRequest {
            run_id: run.clone(),
            params: [("lr", lr), ("seed", "7")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            metrics: vec![metric(key, 0.25), metric("odd", f64::NAN)],
            ..Default::default()
        };
        cluster.runs().log_batch(log).await.unwrap();
    }
    let definition = MetricDefinition {
        key: "acc".to_owned(),
        goal: MetricGoal::Maximize.into(),
        ..Default::default()
    };
    let define = DefineMetricsRequest {
        run_id: second.clone(),
        definitions: vec![definition],
    };
    MetricServiceClient::new(cluster.channel.clone())
        .define_metrics(define)
        .await
        .unwrap();
    let of = |run: &str, label: &str, description: &str, licence: &str| CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        label: label.to_owned(),
        description: description.to_owned(),
        card: Some(ModelCard {
            licence: licence.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let old = of(&first, "v1.0.0", "Same line\nold line", "MIT");
    cluster.create_version(old).await.unwrap();
    let new = CreateVersionRequest {
        tags: [("team".to_owned(), "risk".to_owned())].into(),
        ..of(&second, "v2.0.0", "Same line\nnew line", "MIT")
    };
    let new = cluster.create_version(new).await.unwrap();
    cluster.promote(1, "Production").await.unwrap();
    let expected = format!("run:{second}");
    let (from, to) = (format!("{MODEL}@Production"), format!("{MODEL}@v2.0.0"));
    let found = wait_until("lineage knows both", async || {
        let found = compare(&cluster, &from, &to).await.unwrap();
        let known = |found: &CompareVersionsResponse| {
            let lineage = found.lineage.as_ref();
            lineage.is_some_and(|lineage| !lineage.incomplete)
        };
        Some(found).filter(known)
    })
    .await;
    let names: Vec<_> = found.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["label", "stage", "source", "digest"]);
    assert_eq!(
        found.fields[0],
        difference("label", Some("v1.0.0"), Some("v2.0.0"))
    );
    assert_eq!(found.tags, [difference("team", None, Some("risk"))]);
    assert_eq!(found.params, [difference("lr", Some("0.1"), Some("0.01"))]);
    let [acc, f1, loss, odd] = found.metrics.as_slice() else {
        panic!("{:?}", found.metrics)
    };
    assert_eq!(acc.better(), Direction::Higher);
    assert!((acc.difference.unwrap() - 0.1).abs() < 1e-9);
    let one_sided = |key: &str, from, to| MetricDifference {
        key: key.to_owned(),
        from,
        to,
        ..Default::default()
    };
    assert_eq!(*f1, one_sided("f1", None, Some(0.25)));
    assert_eq!(*loss, one_sided("loss", Some(0.25), None));
    assert_eq!(odd.difference, None);
    let files = found.files.unwrap();
    let paths: Vec<_> = files.differ.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["new.txt", "old.txt"]);
    assert_eq!((files.same, files.same_bytes), (1, 1_000));
    assert!(
        found.text.contains("-old line\n+new line"),
        "{}",
        found.text
    );
    assert!(!found.text.contains("-Same line"));
    let lineage = found.lineage.unwrap();
    assert_eq!(lineage.only_to, [expected]);
    assert_eq!(lineage.only_from, [format!("run:{first}")]);
    let shown = found.to.unwrap();
    assert_eq!((shown.digest, shown.files), (new.digest, vec![]));
}

#[tokio::test]
async fn a_version_does_not_differ_from_itself_and_needs_no_run() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let reference = format!("{MODEL}/1");
    let found = compare(&cluster, &reference, &reference).await.unwrap();
    let nothing = CompareVersionsResponse {
        from: found.from.clone(),
        to: found.to.clone(),
        metrics: found.metrics.clone(),
        files: found.files.clone(),
        lineage: found.lineage.clone(),
        ..Default::default()
    };
    assert_eq!(found, nothing);
    assert_eq!(found.metrics[0].difference, Some(0.0));
    let files = found.files.unwrap();
    assert_eq!((files.differ.len(), files.same), (0, 1));
}

#[tokio::test]
async fn what_is_no_version_is_told_with_its_field() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let good = format!("{MODEL}/1");
    let refused = compare(&cluster, &good, "nonsense").await.unwrap_err();
    assert_eq!(fields(&refused), ["to"]);
    let refused = compare(&cluster, &format!("{MODEL}/7"), &good).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "VERSION_NOT_FOUND");
    let request = elsewhere(CompareVersionsRequest {
        from: good.clone(),
        to: good,
    });
    let mut client = CompareServiceClient::new(cluster.channel.clone());
    let refused = client.compare_versions(request).await.unwrap_err();
    assert_eq!(reason(&refused).1, "MODEL_NOT_FOUND");
}

//! What lineage hears of runs by itself.

use herdbook_proto::{
    lineage::v1::{EdgeType, GetAncestorsRequest, GetDescendantsRequest, Graph, Node},
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, Dataset, DatasetInput, LogBatchRequest, Run, Source,
        UploadArtifactRequest, upload_artifact_request::Message as Upload,
    },
};
use herdbook_testkit::{grpc::fields, wait_until};

use crate::cluster::Cluster;

const DIFF: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn source(dirty: bool, diff_digest: &str, command: &[&str]) -> Source {
    Source {
        repository: "https://git.example/risk".to_owned(),
        commit: "4f2a".to_owned(),
        branch: "main".to_owned(),
        dirty,
        entry_point: "train.py".to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        diff_digest: diff_digest.to_owned(),
    }
}

async fn run_of(cluster: &Cluster, source: Source) -> Run {
    let request = CreateRunRequest {
        source: Some(source),
        ..Default::default()
    };
    cluster.create_run(request).await
}

/// What lineage has before (or after) a run, once `holds`.
async fn graph(cluster: &Cluster, run: &str, after: bool, holds: impl Fn(&Graph) -> bool) -> Graph {
    let node = format!("run:{run}");
    wait_until("lineage has heard of it", async || {
        let graph = match after {
            true => {
                let request = GetDescendantsRequest {
                    node: node.clone(),
                    ..Default::default()
                };
                let found = cluster.lineage().get_descendants(request).await.ok()?;
                found.into_inner().graph?
            }
            false => {
                let request = GetAncestorsRequest {
                    node: node.clone(),
                    ..Default::default()
                };
                let found = cluster.lineage().get_ancestors(request).await.ok()?;
                found.into_inner().graph?
            }
        };
        holds(&graph).then_some(graph)
    })
    .await
}

fn itself(graph: &Graph) -> Node {
    let found = graph.nodes.iter().find(|node| node.depth == 0).unwrap();
    found.node.clone().unwrap()
}

/// The versions of the nodes of `kind`, sorted.
fn versions(graph: &Graph, kind: &str) -> Vec<String> {
    let keys = graph
        .nodes
        .iter()
        .filter_map(|node| node.node.as_ref()?.key.clone());
    let mut found: Vec<_> = keys
        .filter(|key| key.kind == kind)
        .map(|key| key.version)
        .collect();
    found.sort_unstable();
    found
}

async fn upload(cluster: &Cluster, run: &str, path: &str, content: &'static [u8]) -> String {
    let header = Upload::Header(ArtifactHeader {
        run_id: run.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    });
    let messages = [header, Upload::Chunk(content.into())];
    let messages = messages.map(|message| UploadArtifactRequest {
        message: Some(message),
    });
    let stream = futures::stream::iter(messages);
    let uploaded = cluster.artifacts().upload_artifact(stream).await.unwrap();
    uploaded.into_inner().file.unwrap().digest
}

#[tokio::test]
async fn how_the_code_was_run_is_told_of_the_run_and_params_as_they_come() {
    let cluster = Cluster::start().await;
    let first = run_of(
        &cluster,
        source(false, "", &["python", "train.py", "--note", "a b"]),
    )
    .await;
    let second = run_of(&cluster, source(false, "", &["python", "tune.py"])).await;
    let log = LogBatchRequest {
        run_id: first.id.clone(),
        params: [("seed".to_owned(), "7".to_owned())].into(),
        ..Default::default()
    };
    cluster.runs().log_batch(log).await.unwrap();
    let told = |graph: &Graph| itself(graph).attributes["params"] != "{}";
    let found = itself(&graph(&cluster, &first.id, false, told).await).attributes;
    assert_eq!(found["command"], r#"["python","train.py","--note","a b"]"#);
    assert_eq!(found["params"], r#"{"seed":"7"}"#);
    let found = graph(&cluster, &second.id, false, |graph| graph.nodes.len() > 1).await;
    assert_eq!(
        itself(&found).attributes["command"],
        r#"["python","tune.py"]"#
    );
    assert_eq!(versions(&found, "code"), ["4f2a"]);
}

#[tokio::test]
async fn uncommitted_changes_are_another_state_of_the_code() {
    let cluster = Cluster::start().await;
    let known = run_of(&cluster, source(true, DIFF, &[])).await;
    assert_eq!(known.source.unwrap().diff_digest, DIFF);
    let unknown = run_of(&cluster, source(true, "", &[])).await;
    let whole = |graph: &Graph| versions(graph, "code").len() == 2;
    let found = graph(&cluster, &known.id, false, whole).await;
    assert_eq!(
        versions(&found, "code"),
        ["4f2a".to_owned(), format!("4f2a+{DIFF}")]
    );
    let found = graph(&cluster, &unknown.id, false, whole).await;
    assert_eq!(versions(&found, "code"), ["4f2a", "4f2a+dirty"]);

    let request = CreateRunRequest {
        source: Some(source(true, "what I changed", &[])),
        ..Default::default()
    };
    let refused = cluster.runs().create_run(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["source.diff_digest"]);
    let mut long = source(true, DIFF, &[]);
    long.commit = "c".repeat(250);
    let request = CreateRunRequest {
        source: Some(long),
        ..Default::default()
    };
    let refused = cluster.runs().create_run(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["source.commit"]);
}

#[tokio::test]
async fn artifacts_are_told_when_left_and_when_another_run_names_them() {
    let cluster = Cluster::start().await;
    let maker = cluster.create_run(CreateRunRequest::default()).await;
    let digest = upload(&cluster, &maker.id, "out/features.csv", b"a,b\n1,2\n").await;
    let again = upload(&cluster, &maker.id, "out/features.csv", b"a,b\n1,2\n").await;
    assert_eq!(digest, again);
    let dataset = Dataset {
        name: "features".to_owned(),
        digest: digest.clone(),
        uri: format!("runs:/{}/out/features.csv", maker.id),
        ..Default::default()
    };
    let request = CreateRunRequest {
        inputs: vec![DatasetInput {
            dataset: Some(dataset),
            context: "training".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let reader = cluster.create_run(request).await;
    let reached = |graph: &Graph| versions(graph, "run").len() == 2;
    let found = graph(&cluster, &maker.id, true, reached).await;
    assert_eq!(versions(&found, "artifact"), [digest]);
    let left = found
        .edges
        .iter()
        .find(|edge| edge.r#type() == EdgeType::Generated);
    assert_eq!(left.unwrap().label, "out/features.csv");
    let keys = found
        .nodes
        .iter()
        .filter_map(|node| node.node.as_ref()?.key.clone());
    assert!(keys.map(|key| key.name).any(|name| name == reader.id));
}

#[tokio::test]
async fn a_run_that_names_its_own_artifact_is_no_cycle() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let digest = upload(&cluster, &run.id, "x", b"x").await;
    let dataset = Dataset {
        name: "x".to_owned(),
        digest,
        uri: format!("runs:/{}/x", run.id),
        ..Default::default()
    };
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        inputs: vec![DatasetInput {
            dataset: Some(dataset),
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.runs().log_batch(log).await.unwrap();
    let told = |graph: &Graph| !versions(graph, "dataset").is_empty();
    let found = graph(&cluster, &run.id, false, told).await;
    assert!(versions(&found, "artifact").is_empty());
}

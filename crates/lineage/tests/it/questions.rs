//! The questions: what came before and after, what is hit, by which way, and proof.

use herdbook_proto::lineage::v1::{
    ExportFormat, ExportPedigreeRequest, FindImpactRequest, FindPathRequest, GetAncestorsRequest,
    GetDescendantsRequest, ProveRequest, ProveResponse, TagNodeRequest, Verdict,
};
use herdbook_testkit::grpc::{fields, reason, told};
use tonic::{Code, Status};

use crate::cluster::{Cluster, edge, name, names, node};

/// Raw data, two versions of it, a sweep with a run, and a version in Production from each data.
async fn family() -> Cluster {
    let cluster = Cluster::start().await;
    let nodes = [
        ("dataset:raw", &[][..]),
        ("dataset:v1", &[]),
        ("dataset:v2", &[]),
        ("run:sweep", &[]),
        ("run:r1", &[]),
        ("run:r2", &[]),
        ("model_version:good@1", &[("stage", "Production")]),
        ("model_version:bad@1", &[("stage", "Production")]),
        ("model_version:bad@2", &[("stage", "Staging")]),
    ];
    let nodes = nodes
        .iter()
        .map(|(text, attributes)| node(text, attributes, 1))
        .collect();
    let edges = [
        "dataset:raw -> dataset:v1",
        "dataset:raw -> dataset:v2",
        "dataset:v1 -> run:r1",
        "dataset:v2 -> run:r2",
        "run:sweep -> run:r1",
        "run:r1 -> model_version:good@1",
        "run:r2 -> model_version:bad@1",
        "model_version:bad@1 -> model_version:bad@2",
    ];
    cluster
        .record(nodes, edges.iter().map(|text| edge(text)).collect())
        .await
        .unwrap();
    cluster
}

async fn prove(cluster: &Cluster, node: &str, suspects: &[&str]) -> Result<ProveResponse, Status> {
    let suspects = suspects
        .iter()
        .map(|suspect| (*suspect).to_owned())
        .collect();
    let request = ProveRequest {
        node: node.to_owned(),
        suspects,
        ..Default::default()
    };
    Ok(cluster.client().prove(request).await?.into_inner())
}

#[tokio::test]
async fn ancestors_come_nearest_first_as_deep_and_of_the_kinds_asked_for() {
    let cluster = family().await;
    let ask = |depth, kinds: &[&str]| GetAncestorsRequest {
        node: "model_version:good@1".to_owned(),
        depth,
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..Default::default()
    };
    let whole = cluster.ancestors(ask(0, &[])).await;
    let depths: Vec<_> = whole.nodes.iter().map(|node| node.depth).collect();
    assert_eq!(depths, [0, 1, 2, 2, 3]);
    assert_eq!((whole.edges.len(), whole.truncated), (4, false));
    let near = cluster.ancestors(ask(1, &[])).await;
    assert_eq!(names(&near), ["model_version:good@1", "run:r1"]);
    assert!(near.truncated);
    let data = cluster.ancestors(ask(0, &["dataset"])).await;
    assert_eq!(
        names(&data),
        ["model_version:good@1", "dataset:v1", "dataset:raw"]
    );
}

#[tokio::test]
async fn a_limit_cuts_and_says_so() {
    let cluster = family().await;
    let request = GetDescendantsRequest {
        node: "dataset:raw".to_owned(),
        limit: 3,
        ..Default::default()
    };
    let graph = cluster.descendants(request).await;
    assert_eq!((graph.nodes.len(), graph.truncated), (4, true));
}

#[tokio::test]
async fn a_ladder_of_diamonds_does_not_explode() {
    let cluster = Cluster::start().await;
    let edges = (0..60).flat_map(|n| {
        let (from, to) = (format!("dataset:a{n}"), format!("dataset:a{}", n + 1));
        ["l", "r"]
            .map(|side| format!("dataset:{side}{n}"))
            .map(move |middle| {
                [
                    edge(&format!("{from} -> {middle}")),
                    edge(&format!("{middle} -> {to}")),
                ]
            })
    });
    cluster
        .record(vec![], edges.flatten().collect())
        .await
        .unwrap();
    let request = GetAncestorsRequest {
        node: "dataset:a60".to_owned(),
        ..Default::default()
    };
    let graph = cluster.ancestors(request).await;
    assert_eq!((graph.nodes.len(), graph.edges.len()), (181, 240));
}

#[tokio::test]
async fn impact_names_the_versions_in_the_stage_and_the_way_to_each() {
    let cluster = family().await;
    let impact = async |node: &str, stage: &str| {
        let request = FindImpactRequest {
            node: node.to_owned(),
            stage: stage.to_owned(),
            ..Default::default()
        };
        cluster
            .client()
            .find_impact(request)
            .await
            .unwrap()
            .into_inner()
            .impacts
    };
    let hit = impact("dataset:v2", "Production").await;
    assert_eq!(hit.len(), 1);
    assert_eq!(
        name(hit[0].version.as_ref().unwrap()),
        "model_version:bad@1"
    );
    let way: Vec<_> = hit[0]
        .path
        .as_ref()
        .unwrap()
        .nodes
        .iter()
        .map(name)
        .collect();
    assert_eq!(way, ["dataset:v2", "run:r2", "model_version:bad@1"]);
    assert_eq!(impact("dataset:raw", "").await.len(), 3);
    assert!(impact("dataset:v1", "Staging").await.is_empty());
}

#[tokio::test]
async fn a_path_leads_from_the_ancestor_to_the_descendant_or_is_absent() {
    let cluster = family().await;
    let path = async |from: &str, to: &str| {
        let request = FindPathRequest {
            from: from.to_owned(),
            to: to.to_owned(),
            ..Default::default()
        };
        cluster
            .client()
            .find_path(request)
            .await
            .unwrap()
            .into_inner()
            .path
    };
    let found = path("dataset:raw", "model_version:bad").await.unwrap();
    let way: Vec<_> = found.nodes.iter().map(name).collect();
    assert_eq!(
        way,
        ["dataset:raw", "dataset:v2", "run:r2", "model_version:bad@1"]
    );
    assert_eq!(found.edges.len(), 3);
    assert!(path("model_version:bad", "dataset:raw").await.is_none());
    assert!(path("dataset:v2", "model_version:good").await.is_none());
}

#[tokio::test]
async fn a_proof_is_clean_tainted_or_says_what_is_unknown() {
    let cluster = family().await;
    let clean = prove(&cluster, "model_version:good@1", &["dataset:v2"])
        .await
        .unwrap();
    // The sweep made nothing itself, so that it needs no data of its own.
    assert_eq!((clean.verdict(), clean.examined.len()), (Verdict::Clean, 5));
    assert!(clean.unknowns.is_empty() && clean.digest.starts_with("sha256:"));
    let tainted = prove(&cluster, "model_version:bad@2", &["dataset:v2"])
        .await
        .unwrap();
    assert_eq!(tainted.verdict(), Verdict::Tainted);
    assert_eq!(tainted.evidence[0].nodes.len(), 4);

    cluster
        .record(vec![], vec![edge("run:dark -> model_version:good@1")])
        .await
        .unwrap();
    let incomplete = prove(&cluster, "model_version:good@1", &["dataset:v2"])
        .await
        .unwrap();
    assert_eq!(incomplete.verdict(), Verdict::Incomplete);
    assert_eq!(incomplete.unknowns[0].node.as_ref().unwrap().name, "dark");
    assert_ne!(incomplete.digest, clean.digest);
}

#[tokio::test]
async fn the_digest_of_a_proof_stands_as_long_as_its_part_of_the_graph() {
    let cluster = family().await;
    let first = prove(&cluster, "model_version:good@1", &["dataset:v2"])
        .await
        .unwrap()
        .digest;
    cluster
        .record(vec![], vec![edge("dataset:v1 -> run:later")])
        .await
        .unwrap();
    let again = prove(&cluster, "model_version:good@1", &["dataset:v2"])
        .await
        .unwrap()
        .digest;
    assert_eq!(first, again);
    let tag = TagNodeRequest {
        node: "dataset:raw".to_owned(),
        add: vec!["biased".to_owned()],
        ..Default::default()
    };
    let tagged = cluster
        .client()
        .tag_node(tag)
        .await
        .unwrap()
        .into_inner()
        .nodes;
    assert_eq!(tagged[0].tags, ["biased"]);
    let changed = prove(&cluster, "model_version:good@1", &["dataset:v2"])
        .await
        .unwrap()
        .digest;
    assert_ne!(first, changed);
    let request = ProveRequest {
        node: "model_version:good@1".to_owned(),
        suspect_tags: vec!["biased".to_owned()],
        ..Default::default()
    };
    let proof = cluster.client().prove(request).await.unwrap().into_inner();
    assert_eq!(proof.verdict(), Verdict::Tainted);
}

#[tokio::test]
async fn a_question_that_proves_anything_is_refused() {
    let cluster = family().await;
    let refused = prove(&cluster, "model_version:good@1", &[])
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["suspects"]);
    let refused = prove(&cluster, "model_version:good@1", &["dataset:v3"])
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "NODE_NOT_FOUND".into()));
    let refused = prove(&cluster, "model_version:bad", &["dataset:v2"])
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["node"]);
    assert!(
        refused
            .message()
            .contains("model_version:bad@1, model_version:bad@2")
    );
    let refused = cluster.nodes("dataset:rew").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(told(&refused, "near"), None);
    let refused = cluster.nodes("dataset:raw2").await.unwrap_err();
    assert_eq!(told(&refused, "near").as_deref(), Some("dataset:raw"));
    let refused = cluster.nodes("nonsense").await.unwrap_err();
    assert_eq!(fields(&refused), ["node"]);
}

#[tokio::test]
async fn a_pedigree_is_written_in_each_format() {
    let cluster = family().await;
    let mut kinds = Vec::new();
    for format in [
        ExportFormat::JsonGraph,
        ExportFormat::Dot,
        ExportFormat::Mermaid,
        ExportFormat::ProvJson,
    ] {
        let request = ExportPedigreeRequest {
            node: "model_version:good@1".to_owned(),
            format: format.into(),
            ..Default::default()
        };
        let mut parts = cluster
            .client()
            .export_pedigree(request)
            .await
            .unwrap()
            .into_inner();
        let (mut kind, mut text) = (String::new(), Vec::new());
        while let Some(part) = parts.message().await.unwrap() {
            kind.push_str(&part.content_type);
            text.extend(part.chunk);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("raw") && !text.contains("bad"), "{text}");
        kinds.push(kind);
    }
    assert_eq!(kinds[3], "application/json");
    let request = ExportPedigreeRequest {
        node: "model_version:good@1".to_owned(),
        ..Default::default()
    };
    let refused = cluster.client().export_pedigree(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["format"]);
}

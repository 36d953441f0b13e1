//! Questions about all that one thing came from: what changed, what is missing, how to make it again; and
//! proofs that are verified elsewhere.

use herdbook_lineage::{DamagedProof, ExportedProof};
use herdbook_proto::lineage::v1::{
    CheckCompletenessRequest, ComparePedigreesRequest, CompletenessPurpose, ExportProofRequest,
    GetReproductionRequest, PedigreeAspect, ProveRequest, TagNodeRequest,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, edge, node};

const DATA: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OUTPUT: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Two versions of a model by two runs: the second read other data with another learning rate.
async fn family() -> Cluster {
    let cluster = Cluster::start().await;
    let run = |lr: &str| {
        let params = format!(r#"{{"lr":"{lr}","seed":"7"}}"#);
        let command = r#"["python","train.py"]"#;
        [
            ("params", params),
            ("command", command.to_owned()),
            ("user", "ana".to_owned()),
            ("ended_at", "2026-11-26T00:00:00Z".to_owned()),
        ]
    };
    let mut nodes = vec![
        node(
            &format!("dataset:v1@{DATA}"),
            &[("uri", "s3://b/v1.csv")],
            0,
        ),
        node("dataset:v2@sha256:2", &[], 0),
        node("code:repo@4f2a", &[], 0),
        node(
            "environment:python@e",
            &[("python_version", "3.12.4"), ("requirements", "numpy==1.0")],
            0,
        ),
        node(
            &format!("artifact:r1/model.txt@{OUTPUT}"),
            &[("path", "model.txt"), ("size", "12")],
            0,
        ),
    ];
    for (name, lr) in [("run:r1", "0.1"), ("run:r2", "0.2")] {
        let facts = run(lr);
        let facts: Vec<_> = facts
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        nodes.push(node(name, &facts, 1));
    }
    for number in [1, 2] {
        let facts = [("created_by", "ana"), ("metrics", r#"{"acc":0.9}"#)];
        nodes.push(node(&format!("model_version:m@{number}"), &facts, 1));
    }
    let edges = [
        format!("dataset:v1@{DATA} -> run:r1"),
        "dataset:v2@sha256:2 -> run:r2".to_owned(),
        "code:repo@4f2a -> run:r1".to_owned(),
        "code:repo@4f2a -> run:r2".to_owned(),
        "environment:python@e -> run:r1".to_owned(),
        "run:r1 -> model_version:m@1".to_owned(),
        "run:r2 -> model_version:m@2".to_owned(),
        format!("run:r1 -> artifact:r1/model.txt@{OUTPUT}"),
    ];
    cluster
        .record(nodes, edges.iter().map(|text| edge(text)).collect())
        .await
        .unwrap();
    cluster
}

#[tokio::test]
async fn two_versions_are_compared_by_what_they_came_from() {
    let cluster = family().await;
    let request = ComparePedigreesRequest {
        from: "model_version:m@1".to_owned(),
        to: "model_version:m@2".to_owned(),
        ..Default::default()
    };
    let found = cluster
        .client()
        .compare_pedigrees(request)
        .await
        .unwrap()
        .into_inner();
    let told: Vec<_> = found
        .changes
        .iter()
        .map(|change| (change.aspect(), change.name.as_str(), change.to.as_deref()))
        .collect();
    assert!(told.contains(&(PedigreeAspect::Data, "v1", None)));
    assert!(told.contains(&(PedigreeAspect::Data, "v2", Some("sha256:2"))));
    assert!(told.contains(&(PedigreeAspect::Param, "lr", Some("0.2"))));
    assert!(told.contains(&(PedigreeAspect::Package, "numpy", None)));
    assert!(
        !told
            .iter()
            .any(|(aspect, ..)| *aspect == PedigreeAspect::Code)
    );
    assert_eq!(found.same_params, 1);

    let request = ComparePedigreesRequest {
        from: "model_version:m@1".to_owned(),
        to: "model_version:m".to_owned(),
        ..Default::default()
    };
    let refused = cluster
        .client()
        .compare_pedigrees(request)
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["to"]);
}

#[tokio::test]
async fn what_is_missing_is_scored_and_named_where_it_is_missing() {
    let cluster = family().await;
    let check = async |node: &str| {
        let node = node.to_owned();
        let request = CheckCompletenessRequest {
            node,
            ..Default::default()
        };
        cluster
            .client()
            .check_completeness(request)
            .await
            .unwrap()
            .into_inner()
    };
    let whole = check("model_version:m@1").await;
    let failed: Vec<_> = whole
        .findings
        .iter()
        .filter(|finding| !finding.passed)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((whole.reproduction_score, whole.audit_score), (100, 100));

    let poor = check("model_version:m@2").await;
    let failed: Vec<_> = poor
        .findings
        .iter()
        .filter(|finding| !finding.passed && finding.purpose() == CompletenessPurpose::Reproduction)
        .map(|finding| (finding.rule.as_str(), finding.missing_at[0].name.as_str()))
        .collect();
    let expected = [
        ("data-locations", "v2"),
        ("packages", "r2"),
        ("python", "r2"),
        ("outputs", "r2"),
    ];
    assert_eq!(failed, expected);
    assert_eq!((poor.reproduction_score, poor.audit_score), (70, 85));
}

#[tokio::test]
async fn what_is_needed_to_make_it_again_is_given_with_what_comes_out() {
    let cluster = family().await;
    let ask = async |node: &str| {
        let request = GetReproductionRequest {
            node: node.to_owned(),
            ..Default::default()
        };
        let found = cluster.client().get_reproduction(request).await;
        Ok::<_, tonic::Status>(found?.into_inner().reproduction.unwrap())
    };
    let found = ask("model_version:m@1").await.unwrap();
    assert_eq!(found.format, "herdbook.reproduction/1");
    assert_eq!((found.run_id.as_str(), found.command.len()), ("r1", 2));
    assert_eq!(
        (found.data[0].digest.as_str(), found.data[0].uri.as_str()),
        (DATA, "s3://b/v1.csv")
    );
    assert_eq!(found.outputs[0].digest, OUTPUT);
    assert!(found.missing.is_empty(), "{:?}", found.missing);
    assert_eq!(ask("run:r1").await.unwrap().data, found.data);
    assert!(!ask("model_version:m@2").await.unwrap().missing.is_empty());
    let refused = ask("model_version:none@1").await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "NODE_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_saved_proof_says_what_the_server_said_and_what_has_changed_since() {
    let cluster = family().await;
    let question = ProveRequest {
        node: "model_version:m@1".to_owned(),
        suspects: vec!["dataset:v2".to_owned()],
        suspect_tags: vec!["biased".to_owned()],
        ..Default::default()
    };
    let save = async || {
        let request = ExportProofRequest {
            question: Some(question.clone()),
        };
        let mut parts = cluster
            .client()
            .export_proof(request)
            .await
            .unwrap()
            .into_inner();
        let mut text = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            text.extend(part.chunk);
        }
        String::from_utf8(text).unwrap()
    };
    let text = save().await;
    let saved = ExportedProof::read(&text).unwrap();
    let said = cluster
        .client()
        .prove(question.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(saved.digest().to_string(), said.digest);
    assert_eq!(
        (saved.verdict(), saved.examined()),
        ("CLEAN", said.examined.len())
    );
    assert_eq!(saved.question().0, "model_version:m@1");
    let altered = text.replace("dataset", "database");
    assert!(matches!(
        ExportedProof::read(&altered),
        Err(DamagedProof::Digest { .. })
    ));

    let request = TagNodeRequest {
        node: "dataset:v1".to_owned(),
        add: vec!["biased".to_owned()],
        ..Default::default()
    };
    cluster.client().tag_node(request).await.unwrap();
    let now = ExportedProof::read(&save().await).unwrap();
    let changes = saved.changes(&now);
    assert!(changes[0].ends_with("was tagged biased"), "{changes:?}");
    assert_eq!(changes[1], "the verdict was CLEAN and is TAINTED");

    let nothing = ExportProofRequest::default();
    let refused = cluster.client().export_proof(nothing).await.unwrap_err();
    assert_eq!(fields(&refused), ["question"]);
}

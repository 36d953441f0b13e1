//! Kinds that a workspace defines.

use herdbook_proto::lineage::v1::{
    AttributeType, DefineKindRequest, DeleteKindRequest, EdgeType, ExportFormat,
    ExportPedigreeRequest, Kind, KindSort, ListKindsRequest, RequiredAttribute, RetractRequest,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::{Cluster, edge, key, node};

fn notebook() -> Kind {
    Kind {
        name: "notebook".to_owned(),
        description: "What somebody tried".to_owned(),
        sort: KindSort::Activity.into(),
        attributes: vec![RequiredAttribute {
            name: "cells".to_owned(),
            r#type: AttributeType::Number.into(),
        }],
        edges_in: vec![EdgeType::Used.into()],
        ..Default::default()
    }
}

async fn define(cluster: &Cluster, kind: Kind) -> Result<(), Status> {
    let request = DefineKindRequest { kind: Some(kind) };
    cluster.client().define_kind(request).await.map(|_| ())
}

async fn delete(cluster: &Cluster, name: &str) -> Result<(), Status> {
    let name = name.to_owned();
    cluster
        .client()
        .delete_kind(DeleteKindRequest { name })
        .await
        .map(|_| ())
}

async fn names(cluster: &Cluster) -> Vec<String> {
    let kinds = cluster
        .client()
        .list_kinds(ListKindsRequest {})
        .await
        .unwrap()
        .into_inner()
        .kinds;
    kinds.into_iter().map(|kind| kind.name).collect()
}

#[tokio::test]
async fn what_is_of_no_known_kind_is_refused_until_it_is_defined() {
    let cluster = Cluster::start().await;
    let built_in = names(&cluster).await.len();
    let try_it = async || {
        cluster
            .record(vec![node("notebook:n", &[("cells", "3")], 0)], vec![])
            .await
    };
    let refused = try_it().await.unwrap_err();
    assert_eq!(
        (refused.code(), fields(&refused)),
        (Code::InvalidArgument, vec!["kind".to_owned()])
    );
    assert!(
        refused
            .message()
            .contains("notebook is no kind of this workspace"),
        "{refused}"
    );
    define(&cluster, notebook()).await.unwrap();
    define(&cluster, notebook()).await.unwrap();
    try_it().await.unwrap();
    assert_eq!(names(&cluster).await.len(), built_in + 1);

    let in_use = delete(&cluster, "notebook").await.unwrap_err();
    assert_eq!(
        reason(&in_use),
        (Code::FailedPrecondition, "KIND_IN_USE".to_owned())
    );
    let request = RetractRequest {
        nodes: vec![key("notebook:n")],
        reason: "tried".to_owned(),
        ..Default::default()
    };
    cluster.client().retract(request).await.unwrap();
    delete(&cluster, "notebook").await.unwrap();
    assert_eq!(
        reason(&delete(&cluster, "notebook").await.unwrap_err()).1,
        "KIND_NOT_FOUND"
    );
    assert_eq!(
        try_it().await.unwrap_err().code(),
        Code::InvalidArgument,
        "at once"
    );
    for built_in in ["dataset", "run"] {
        assert_eq!(
            delete(&cluster, built_in).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        let kind = Kind {
            name: built_in.to_owned(),
            ..notebook()
        };
        assert_eq!(
            define(&cluster, kind).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
}

#[tokio::test]
async fn a_node_must_have_what_its_kind_asks_for_once_it_is_told_of() {
    let cluster = Cluster::start().await;
    define(&cluster, notebook()).await.unwrap();
    // The mere end of an edge is not asked.
    cluster
        .record(vec![], vec![edge_into_notebook(EdgeType::Used)])
        .await
        .unwrap();
    let wrong_edge = cluster
        .record(vec![], vec![edge_into_notebook(EdgeType::PartOf)])
        .await;
    assert!(
        wrong_edge
            .unwrap_err()
            .message()
            .contains("no edge of type PART_OF may lead to a notebook")
    );

    for attributes in [&[][..], &[("cells", "many")]] {
        let refused = cluster
            .record(vec![node("notebook:n", attributes, 0)], vec![])
            .await
            .unwrap_err();
        assert!(
            refused
                .message()
                .contains("notebook:n must have cells: a number"),
            "{refused}"
        );
    }
    cluster
        .record(vec![node("notebook:n", &[("cells", "3")], 0)], vec![])
        .await
        .unwrap();
    // What it has it keeps.
    cluster
        .record(vec![node("notebook:n", &[("owner", "ana")], 0)], vec![])
        .await
        .unwrap();
    assert!(
        cluster
            .record(vec![node("notebook:n", &[("cells", "")], 0)], vec![])
            .await
            .is_err()
    );
}

fn edge_into_notebook(edge_type: EdgeType) -> herdbook_proto::lineage::v1::Edge {
    let mut edge = edge("dataset:a -> notebook:n");
    edge.r#type = edge_type.into();
    edge
}

#[tokio::test]
async fn prov_has_things_as_their_kinds_say() {
    let cluster = Cluster::start().await;
    let team = Kind {
        name: "team".to_owned(),
        sort: KindSort::Agent.into(),
        ..Default::default()
    };
    define(&cluster, team).await.unwrap();
    define(
        &cluster,
        Kind {
            attributes: vec![],
            edges_in: vec![],
            ..notebook()
        },
    )
    .await
    .unwrap();
    let edges = vec![
        edge("team:risk -> notebook:n"),
        edge("notebook:n -> dataset:a"),
    ];
    cluster.record(vec![], edges).await.unwrap();
    let request = ExportPedigreeRequest {
        node: "dataset:a".to_owned(),
        format: ExportFormat::ProvJson.into(),
        ..Default::default()
    };
    let mut parts = cluster
        .client()
        .export_pedigree(request)
        .await
        .unwrap()
        .into_inner();
    let mut text = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        text.extend(part.chunk);
    }
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert!(
        document["activity"]["herdbook:notebook/n"].is_object(),
        "{document:#}"
    );
    assert!(document["agent"]["herdbook:team/risk"].is_object());
    let associated = document["wasAssociatedWith"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert_eq!(associated["prov:agent"], "herdbook:team/risk");
}

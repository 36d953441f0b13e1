//! Taking back, other names, and making two nodes one.

use chrono::{DateTime, Utc};
use herdbook_proto::{
    lineage::v1::{
        FindDuplicatesRequest, GetAncestorsRequest, GetHistoryRequest, MergeNodesRequest, Node,
        ProveRequest, RetractRequest, SetAliasRequest, Verdict,
    },
    time::to_timestamp,
};
use herdbook_testkit::grpc::reason;
use tonic::{Code, Status};

use crate::cluster::{Cluster, edge, key, name, names, node};

async fn retract(
    cluster: &Cluster,
    nodes: &[&str],
    with_edges: bool,
) -> Result<(u32, u32), Status> {
    let request = RetractRequest {
        nodes: nodes.iter().map(|node| key(node)).collect(),
        with_edges,
        reason: "copied by mistake".to_owned(),
        ..Default::default()
    };
    let done = cluster.client().retract(request).await?.into_inner();
    Ok((done.retracted_nodes, done.retracted_edges))
}

async fn merge(cluster: &Cluster, from: &str, into: &str) -> Result<Node, Status> {
    let request = MergeNodesRequest {
        from: Some(key(from)),
        into: Some(key(into)),
        reason: "the same table".to_owned(),
    };
    Ok(cluster
        .client()
        .merge_nodes(request)
        .await?
        .into_inner()
        .node
        .unwrap())
}

async fn alias(cluster: &Cluster, alias: &str, node: &str) -> Result<Node, Status> {
    let request = SetAliasRequest {
        alias: Some(key(alias)),
        node: Some(key(node)),
    };
    Ok(cluster
        .client()
        .set_alias(request)
        .await?
        .into_inner()
        .node
        .unwrap())
}

async fn ancestors(cluster: &Cluster, node: &str, known_at: Option<DateTime<Utc>>) -> Vec<String> {
    let request = GetAncestorsRequest {
        node: node.to_owned(),
        known_at: known_at.map(to_timestamp),
        ..Default::default()
    };
    let mut names = names(&cluster.ancestors(request).await);
    names.sort();
    names
}

#[tokio::test]
async fn a_node_with_edges_is_taken_back_with_them_or_not_at_all() {
    let cluster = Cluster::start().await;
    let edges = vec![
        edge("dataset:a -> dataset:b"),
        edge("dataset:b -> dataset:c"),
    ];
    cluster.record(vec![], edges).await.unwrap();
    let refused = retract(&cluster, &["dataset:b"], false).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "HAS_EDGES".to_owned())
    );
    assert!(
        refused.message().contains("dataset:a -> dataset:b"),
        "{refused}"
    );
    assert_eq!(
        ancestors(&cluster, "dataset:c", None).await.len(),
        3,
        "nothing was retracted"
    );

    let then = Utc::now();
    assert_eq!(
        retract(&cluster, &["dataset:b"], true).await.unwrap(),
        (1, 2)
    );
    assert_eq!(ancestors(&cluster, "dataset:c", None).await, ["dataset:c"]);
    assert_eq!(ancestors(&cluster, "dataset:c", Some(then)).await.len(), 3);
    assert_eq!(
        cluster.nodes("dataset:b").await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(
        retract(&cluster, &["dataset:b"], true).await.unwrap(),
        (0, 0),
        "again"
    );
    assert_eq!(
        retract(&cluster, &["dataset:z"], true)
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );

    let request = GetHistoryRequest {
        node: "dataset:b".to_owned(),
    };
    let history = cluster
        .client()
        .get_history(request)
        .await
        .unwrap()
        .into_inner();
    let last = &history.states[0];
    assert_eq!(
        (last.ended_by.as_str(), last.reason.as_str()),
        ("ana", "copied by mistake")
    );
    assert!(last.known_until.is_some());
    assert_eq!(history.edges.len(), 2);
}

#[tokio::test]
async fn what_is_recorded_again_stands_again_and_a_cycle_counts_only_what_stands() {
    let cluster = Cluster::start().await;
    cluster
        .record(vec![], vec![edge("dataset:a -> dataset:b")])
        .await
        .unwrap();
    let back = vec![edge("dataset:b -> dataset:a")];
    assert_eq!(
        cluster
            .record(vec![], back.clone())
            .await
            .unwrap_err()
            .code(),
        Code::FailedPrecondition
    );
    let request = RetractRequest {
        edges: vec![edge("dataset:a -> dataset:b")],
        reason: "the other way round".to_owned(),
        ..Default::default()
    };
    cluster.client().retract(request).await.unwrap();
    cluster.record(vec![], back).await.unwrap();
    assert_eq!(
        ancestors(&cluster, "dataset:a", None).await,
        ["dataset:a", "dataset:b"]
    );

    retract(&cluster, &["dataset:b"], true).await.unwrap();
    cluster
        .record(vec![node("dataset:b", &[("rows", "3")], 0)], vec![])
        .await
        .unwrap();
    assert_eq!(
        cluster.nodes("dataset:b").await.unwrap()[0].attributes["rows"],
        "3"
    );
    assert_eq!(
        ancestors(&cluster, "dataset:a", None).await,
        ["dataset:a"],
        "its edges stay gone"
    );
}

#[tokio::test]
async fn two_names_become_one_node_with_the_edges_tags_and_attributes_of_both() {
    let cluster = Cluster::start().await;
    let mut old = node(
        "dataset:s3.loans@sha256:aa",
        &[("rows", "3"), ("uri", "s3://a")],
        0,
    );
    old.tags = vec!["pii".to_owned()];
    let new = node("dataset:loans@sha256:aa", &[("uri", "s3://b")], 0);
    let edges = vec![
        edge("dataset:raw -> dataset:s3.loans@sha256:aa"),
        edge("dataset:s3.loans@sha256:aa -> run:r1"),
        edge("dataset:loans@sha256:aa -> run:r2"),
    ];
    cluster.record(vec![old, new], edges).await.unwrap();
    let then = Utc::now();
    for _ in 0..2 {
        let merged = merge(
            &cluster,
            "dataset:s3.loans@sha256:aa",
            "dataset:loans@sha256:aa",
        )
        .await
        .unwrap();
        assert_eq!(name(&merged), "dataset:loans@sha256:aa");
        assert_eq!(
            (
                merged.attributes["rows"].as_str(),
                merged.attributes["uri"].as_str()
            ),
            ("3", "s3://b")
        );
        assert_eq!(merged.tags, ["pii"]);
    }
    let both = ["dataset:loans@sha256:aa", "dataset:raw", "run:r1"];
    assert_eq!(ancestors(&cluster, "run:r1", None).await, both);
    assert_eq!(
        ancestors(&cluster, "run:r1", Some(then)).await,
        ["dataset:raw", "dataset:s3.loans@sha256:aa", "run:r1"],
        "before the merge it was as it was"
    );
    // The old key means the node, whoever uses it and for whatever.
    assert_eq!(
        ancestors(&cluster, "dataset:s3.loans@sha256:aa", None).await,
        both[..2]
    );
    assert_eq!(
        name(&cluster.nodes("dataset:s3.loans").await.unwrap()[0]),
        both[0]
    );
    let late = node("dataset:s3.loans@sha256:aa", &[("owner", "ana")], 0);
    cluster
        .record(
            vec![late],
            vec![edge("dataset:s3.loans@sha256:aa -> run:r3")],
        )
        .await
        .unwrap();
    assert_eq!(
        cluster.nodes("dataset:loans").await.unwrap()[0].attributes["owner"],
        "ana"
    );
    assert_eq!(
        ancestors(&cluster, "run:r3", None).await[0],
        "dataset:loans@sha256:aa"
    );
    let request = ProveRequest {
        node: "run:r3".to_owned(),
        suspects: vec!["dataset:s3.loans@sha256:aa".to_owned()],
        ..Default::default()
    };
    let proof = cluster.client().prove(request).await.unwrap().into_inner();
    assert_eq!(
        proof.verdict(),
        Verdict::Tainted,
        "a suspect by its old name is a suspect"
    );
}

#[tokio::test]
async fn names_lead_on_when_what_they_mean_is_merged_further() {
    let cluster = Cluster::start().await;
    let nodes = ["a", "b", "c"].map(|n| node(&format!("dataset:{n}"), &[(n, "1")], 0));
    cluster.record(nodes.into(), vec![]).await.unwrap();
    merge(&cluster, "dataset:a", "dataset:b").await.unwrap();
    merge(&cluster, "dataset:b", "dataset:c").await.unwrap();
    cluster
        .record(vec![node("dataset:a", &[("late", "1")], 0)], vec![])
        .await
        .unwrap();
    let found = cluster.nodes("dataset:a").await.unwrap();
    assert_eq!((found.len(), name(&found[0]).as_str()), (1, "dataset:c"));
    assert_eq!(found[0].attributes.len(), 4);
}

#[tokio::test]
async fn what_descends_from_the_other_is_not_the_other() {
    let cluster = Cluster::start().await;
    let edges = vec![
        edge("dataset:a -> dataset:b"),
        edge("dataset:b -> dataset:c"),
    ];
    cluster.record(vec![], edges).await.unwrap();
    for (from, into) in [("dataset:a", "dataset:c"), ("dataset:c", "dataset:a")] {
        let refused = merge(&cluster, from, into).await.unwrap_err();
        assert_eq!(reason(&refused).1, "CYCLE");
        assert!(
            refused
                .message()
                .contains("dataset:a -> dataset:b -> dataset:c"),
            "{refused}"
        );
    }
    assert_eq!(
        merge(&cluster, "dataset:z", "dataset:a")
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let kinds = merge(&cluster, "run:a", "dataset:a").await.unwrap_err();
    assert!(kinds.message().contains("from.kind"), "{kinds}");
}

#[tokio::test]
async fn an_alias_means_one_node_forever() {
    let cluster = Cluster::start().await;
    let nodes = ["a", "b"].map(|n| node(&format!("dataset:{n}"), &[], 0));
    cluster.record(nodes.into(), vec![]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            name(&alias(&cluster, "dataset:x", "dataset:a").await.unwrap()),
            "dataset:a"
        );
    }
    assert_eq!(
        alias(&cluster, "dataset:x", "dataset:b")
            .await
            .unwrap_err()
            .code(),
        Code::AlreadyExists
    );
    let itself = alias(&cluster, "dataset:b", "dataset:a").await.unwrap_err();
    assert_eq!(reason(&itself).1, "ALIAS_IS_NODE");
    cluster
        .record(vec![], vec![edge("dataset:x -> run:r")])
        .await
        .unwrap();
    assert_eq!(
        ancestors(&cluster, "run:r", None).await,
        ["dataset:a", "run:r"]
    );
}

#[tokio::test]
async fn one_digest_under_two_names_is_told_and_left_alone() {
    let cluster = Cluster::start().await;
    let digest = "sha256:00ff00ff00ff00ff";
    let names = ["a", "b", "c"].map(|n| node(&format!("dataset:{n}@{digest}"), &[], 0));
    let versions = ["d", "e"].map(|n| node(&format!("dataset:{n}@v1"), &[], 0));
    cluster
        .record([names.to_vec(), versions.to_vec()].concat(), vec![])
        .await
        .unwrap();
    let found = cluster
        .client()
        .find_duplicates(FindDuplicatesRequest::default())
        .await
        .unwrap();
    let groups = found.into_inner().duplicates;
    assert_eq!(groups.len(), 1);
    let found: Vec<_> = groups[0]
        .nodes
        .iter()
        .map(|key| key.name.as_str())
        .collect();
    assert_eq!(found, ["a", "b", "c"]);
}

#[tokio::test]
async fn recorders_beside_a_merge_lose_nothing() {
    let cluster = Cluster::start().await;
    let pair = vec![node("dataset:old", &[], 0), node("dataset:new", &[], 0)];
    cluster.record(pair, vec![]).await.unwrap();
    let recorder = async |name: &str| {
        for n in 0..40 {
            let edges = vec![edge(&format!("dataset:old -> run:{name}{n}"))];
            cluster.record(vec![], edges).await.unwrap();
        }
    };
    let merging = async {
        merge(&cluster, "dataset:old", "dataset:new").await.unwrap();
    };
    futures::join!(recorder("a"), recorder("b"), merging);
    for n in 0..40 {
        for run in [format!("run:a{n}"), format!("run:b{n}")] {
            assert_eq!(
                ancestors(&cluster, &run, None).await,
                ["dataset:new".to_owned(), run.clone()]
            );
        }
    }
}

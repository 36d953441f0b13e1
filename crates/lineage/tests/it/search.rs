//! SearchNodes: what somebody has begun to type.

use herdbook_proto::lineage::v1::{SearchNodesRequest, SearchNodesResponse};
use herdbook_testkit::grpc::fields;
use tonic::{Code, Status};

use crate::cluster::{Cluster, name, node};

async fn cluster() -> Cluster {
    let cluster = Cluster::start().await;
    let nodes = [
        "dataset:raw_loans@sha256:01",
        "dataset:Loans@sha256:aa",
        "dataset:Loans@sha256:bb",
        "dataset:payments@sha256:cc",
        "code:https://git.example/loans@52ff01",
        "model_version:loan-scorer@1",
        "run:01a20dcd",
    ];
    let nodes = nodes.iter().map(|text| node(text, &[], 1)).collect();
    cluster.record(nodes, Vec::new()).await.unwrap();
    cluster
}

async fn search(
    cluster: &Cluster,
    text: &str,
    kinds: &[&str],
    limit: u32,
) -> Result<SearchNodesResponse, Status> {
    let request = SearchNodesRequest {
        text: text.to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        limit,
    };
    Ok(cluster.client().search_nodes(request).await?.into_inner())
}

fn latest(found: &SearchNodesResponse) -> Vec<(String, u32)> {
    let names = found.names.iter();
    names
        .map(|found| (name(found.latest.as_ref().unwrap()), found.versions))
        .collect()
}

fn found(names: &[(&str, u32)]) -> Vec<(String, u32)> {
    let names = names.iter();
    names
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[tokio::test]
async fn a_part_of_a_name_in_any_case_finds_it_once_and_beginnings_come_first() {
    let cluster = cluster().await;
    let all = search(&cluster, "lOaN", &[], 0).await.unwrap();
    let expected = [
        ("dataset:Loans@sha256:bb", 2),
        ("model_version:loan-scorer@1", 1),
        ("code:https://git.example/loans@52ff01", 1),
        ("dataset:raw_loans@sha256:01", 1),
    ];
    assert_eq!(latest(&all), found(&expected));
    assert!(!all.more);
    let data = search(&cluster, "loan", &["dataset"], 1).await.unwrap();
    assert_eq!(latest(&data), found(&[("dataset:Loans@sha256:bb", 2)]));
    assert!(data.more, "raw_loans was left out");
    assert_eq!(
        search(&cluster, "%", &[], 0).await.unwrap().names,
        [],
        "text is no pattern"
    );
}

#[tokio::test]
async fn the_beginning_of_a_digest_or_a_commit_finds_what_has_it() {
    let cluster = cluster().await;
    let digest = search(&cluster, "sha256:aa", &[], 0).await.unwrap();
    assert_eq!(latest(&digest), found(&[("dataset:Loans@sha256:aa", 1)]));
    let bare = search(&cluster, "bb", &[], 0).await.unwrap();
    assert_eq!(latest(&bare), found(&[("dataset:Loans@sha256:bb", 1)]));
    let commit = search(&cluster, "52ff", &[], 0).await.unwrap();
    assert_eq!(
        latest(&commit),
        found(&[("code:https://git.example/loans@52ff01", 1)])
    );
}

#[tokio::test]
async fn no_text_lists_names_of_the_kinds_in_order() {
    let cluster = cluster().await;
    let first = search(&cluster, "", &["dataset", "run"], 2).await.unwrap();
    let expected = [
        ("dataset:Loans@sha256:bb", 2),
        ("dataset:payments@sha256:cc", 1),
    ];
    assert_eq!(latest(&first), found(&expected));
    assert!(first.more);
}

#[tokio::test]
async fn what_is_wrong_with_a_search_is_named() {
    let cluster = cluster().await;
    let refused = search(&cluster, &"x".repeat(513), &["Data set"], 101)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["text", "kinds[0]", "limit"]);
}

//! Facets: kept as they are written, the newest first, each run's word for itself.

use herdbook_proto::lineage::v1::{Facet, GetFacetsRequest, RecordRequest};
use herdbook_testkit::grpc::{elsewhere, fields};

use crate::cluster::{Cluster, key};

fn facet(run: &str, revision: i64, document: &str) -> Facet {
    Facet {
        node: Some(key("dataset:orders")),
        name: "schema".to_owned(),
        run: run.to_owned(),
        document: document.to_owned(),
        revision,
        ..Default::default()
    }
}

fn batch(facets: Vec<Facet>) -> RecordRequest {
    RecordRequest {
        facets,
        ..Default::default()
    }
}

async fn documents(cluster: &Cluster, run: &str, history: bool) -> Vec<String> {
    let request = GetFacetsRequest {
        node: "dataset:orders".to_owned(),
        run: run.to_owned(),
        history,
        ..Default::default()
    };
    let mut client = cluster.client().max_decoding_message_size(16 << 20);
    let mut answer = client.get_facets(request).await.unwrap().into_inner();
    let mut documents = Vec::new();
    while let Some(part) = answer.message().await.unwrap() {
        documents.push(part.facet.unwrap().document);
    }
    documents
}

#[tokio::test]
async fn a_document_is_kept_as_it_is_written() {
    let cluster = Cluster::start().await;
    let document = "{ \"b\":1.50, \"a\" : \"\\u0000 \u{1f40e}\", \"a\": 1e999 }";
    cluster
        .client()
        .record(batch(vec![facet("", 0, document)]))
        .await
        .unwrap();
    assert_eq!(documents(&cluster, "", false).await, [document]);
}

#[tokio::test]
async fn any_order_and_number_leaves_the_newest_word_of_each_run() {
    let told = [
        facet("a", -9, "1"),
        facet("a", -8, "2"),
        facet("b", -7, "3"),
        facet("b", -7, "4"),
    ];
    let mut answers = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let cluster = Cluster::start().await;
        for index in order.into_iter().chain(order) {
            cluster
                .client()
                .record(batch(vec![told[index].clone()]))
                .await
                .unwrap();
        }
        answers.push((
            documents(&cluster, "", false).await,
            documents(&cluster, "", true).await,
            documents(&cluster, "a", false).await,
        ));
    }
    assert_eq!(answers[0].2, ["2"]);
    assert_eq!(answers[0].1.len(), 2);
    assert_eq!(answers[0].0.len(), 1);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn ten_megabytes_are_kept_and_what_is_no_json_is_refused() {
    let cluster = Cluster::start().await;
    let large = format!("\"{}\"", "x".repeat(10 << 20));
    cluster
        .client()
        .record(batch(vec![facet("", 0, &large)]))
        .await
        .unwrap();
    assert_eq!(documents(&cluster, "", false).await, [large]);
    let refused = cluster
        .client()
        .record(batch(vec![facet("", 0, "{")]))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["facets[0].document"]);
}

#[tokio::test]
async fn another_workspace_sees_no_facets() {
    let cluster = Cluster::start().await;
    cluster
        .client()
        .record(batch(vec![facet("", 0, "1")]))
        .await
        .unwrap();
    let request = GetFacetsRequest {
        node: "dataset:orders".to_owned(),
        ..Default::default()
    };
    assert!(
        cluster
            .client()
            .get_facets(elsewhere(request))
            .await
            .is_err()
    );
}

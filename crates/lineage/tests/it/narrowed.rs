//! Answers narrowed by tags, times and types of edges, and impacts in pages.

use herdbook_proto::lineage::v1::{
    EdgeType, FindImpactRequest, GetAncestorsRequest, NodeFilter, TagNodeRequest,
};
use herdbook_testkit::grpc::fields;
use prost_types::Timestamp;

use crate::cluster::{Cluster, edge, name, names, node};

async fn tag(cluster: &Cluster, node: &str, tag: &str) {
    let request = TagNodeRequest {
        node: node.to_owned(),
        add: vec![tag.to_owned()],
        ..Default::default()
    };
    cluster.client().tag_node(request).await.unwrap();
}

fn ask(filter: NodeFilter) -> GetAncestorsRequest {
    GetAncestorsRequest {
        node: "dataset:c".to_owned(),
        filter: Some(filter),
        ..Default::default()
    }
}

#[tokio::test]
async fn tags_and_times_decide_what_is_shown_and_not_what_is_followed() {
    let cluster = Cluster::start().await;
    let edges = ["dataset:a -> dataset:b", "dataset:b -> dataset:c"];
    cluster
        .record(vec![], edges.iter().map(|text| edge(text)).collect())
        .await
        .unwrap();
    tag(&cluster, "dataset:a", "pii").await;
    tag(&cluster, "dataset:a", "raw").await;
    tag(&cluster, "dataset:b", "pii").await;
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    let both = ask(NodeFilter {
        with_tags: tags(&["pii", "raw"]),
        ..Default::default()
    });
    assert_eq!(
        names(&cluster.ancestors(both).await),
        ["dataset:c", "dataset:a"]
    );
    let without = ask(NodeFilter {
        without_tags: tags(&["raw", "other"]),
        ..Default::default()
    });
    assert_eq!(
        names(&cluster.ancestors(without).await),
        ["dataset:c", "dataset:b"]
    );

    let recorded = cluster.nodes("dataset:a").await.unwrap()[0]
        .recorded_at
        .unwrap();
    let later = Timestamp {
        seconds: recorded.seconds + 1,
        ..recorded
    };
    let since = ask(NodeFilter {
        recorded_since: Some(later),
        ..Default::default()
    });
    assert_eq!(names(&cluster.ancestors(since).await), ["dataset:c"]);
    let before = ask(NodeFilter {
        recorded_before: Some(later),
        recorded_since: Some(recorded),
        ..Default::default()
    });
    assert_eq!(cluster.ancestors(before).await.nodes.len(), 3);
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_refused() {
    let cluster = Cluster::start().await;
    cluster
        .record(vec![node("dataset:c", &[], 0)], vec![])
        .await
        .unwrap();
    let mut request = ask(NodeFilter {
        recorded_since: Some(Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        ..Default::default()
    });
    let refused = cluster
        .client()
        .get_ancestors(request.clone())
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["filter.recorded_since"]);
    request.filter = None;
    request.edge_types = vec![EdgeType::Used.into(), 77];
    let refused = cluster.client().get_ancestors(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["edge_types"]);
}

#[tokio::test]
async fn impacts_come_page_by_page_each_version_once_and_in_order() {
    let cluster = Cluster::start().await;
    let versions: Vec<String> = (1..=25).map(|n| format!("model_version:m@{n}")).collect();
    let nodes = versions
        .iter()
        .map(|text| node(text, &[("stage", "Production")], 1));
    let edges = versions
        .iter()
        .map(|text| edge(&format!("dataset:d -> {text}")));
    cluster
        .record(nodes.collect(), edges.collect())
        .await
        .unwrap();
    let mut request = FindImpactRequest {
        node: "dataset:d".to_owned(),
        stage: "Production".to_owned(),
        page_size: 10,
        ..Default::default()
    };
    let mut found = Vec::new();
    let mut pages = 0;
    loop {
        let page = cluster
            .client()
            .find_impact(request.clone())
            .await
            .unwrap()
            .into_inner();
        let impacts = page.impacts.iter();
        found.extend(impacts.map(|impact| name(impact.version.as_ref().unwrap())));
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!((found, pages), (versions, 3));
    request.stage = "Staging".to_owned();
    request.page_token = "nonsense".to_owned();
    let refused = cluster.client().find_impact(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["page_token"]);
}

#[tokio::test]
async fn everything_that_has_a_tag_can_be_in_doubt_together() {
    let cluster = Cluster::start().await;
    let texts = [
        "dataset:a -> model_version:m@1",
        "dataset:b -> model_version:m@2",
        "dataset:c -> model_version:m@3",
    ];
    cluster
        .record(vec![], texts.iter().map(|text| edge(text)).collect())
        .await
        .unwrap();
    tag(&cluster, "dataset:a", "biased").await;
    tag(&cluster, "dataset:c", "biased").await;
    let mut request = FindImpactRequest {
        tag: "biased".to_owned(),
        ..Default::default()
    };
    let hit = cluster.client().find_impact(request.clone()).await;
    let hit = hit.unwrap().into_inner().impacts;
    let hit: Vec<_> = hit
        .iter()
        .map(|impact| name(impact.version.as_ref().unwrap()))
        .collect();
    assert_eq!(hit, ["model_version:m@1", "model_version:m@3"]);
    request.node = "dataset:b".to_owned();
    let refused = cluster
        .client()
        .find_impact(request.clone())
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["tag"]);
    request.node.clear();
    request.tag = "unheard-of".to_owned();
    let none = cluster
        .client()
        .find_impact(request)
        .await
        .unwrap()
        .into_inner();
    assert!(none.impacts.is_empty());
}

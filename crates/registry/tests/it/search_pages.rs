//! Pages of what a search finds: they do not shift, count all, and begin anywhere.

use herdbook_proto::registry::v1::{
    CreateModelRequest, CreateVersionRequest, SearchModelsRequest, SearchModelsResponse,
    SearchVersionsRequest,
};
use herdbook_testkit::grpc::fields;

use crate::cluster::{Cluster, MODEL};

async fn create_model(cluster: &Cluster, name: &str, owner: &str) {
    let request = CreateModelRequest {
        name: name.to_owned(),
        owners: vec![owner.to_owned()],
        ..Default::default()
    };
    cluster.models().create_model(request).await.unwrap();
}

#[tokio::test]
async fn pages_hold_each_version_once_while_others_are_registered() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let request = CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        ..Default::default()
    };
    for _ in 0..9 {
        cluster.create_version(request.clone()).await.unwrap();
    }
    // All have the same metric: the order among them is that of their numbers.
    for order in ["metrics.acc desc", "metrics.never", ""] {
        let mut found = Vec::new();
        let mut page_token = String::new();
        let before = cluster.model().await.latest_version;
        loop {
            let search = SearchVersionsRequest {
                order_by: Some(order.to_owned())
                    .filter(|o| !o.is_empty())
                    .into_iter()
                    .collect(),
                filter: "metrics.acc > 0.5".to_owned(),
                page_size: 2,
                page_token,
                ..Default::default()
            };
            let page = cluster
                .versions()
                .search_versions(search)
                .await
                .unwrap()
                .into_inner();
            found.extend(page.versions.into_iter().map(|version| version.number));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            cluster.create_version(request.clone()).await.unwrap();
        }
        let expected: Vec<i64> = (1..=before).rev().collect();
        assert_eq!(found, expected, "{order}");
    }
}

#[tokio::test]
async fn a_search_of_models_counts_all_it_finds_where_asked() {
    let cluster = Cluster::start().await;
    for number in 0..4 {
        create_model(&cluster, &format!("m{number}"), "risk").await;
    }
    let total = async |filter: &str, count| {
        let request = SearchModelsRequest {
            filter: filter.to_owned(),
            page_size: 1,
            count,
            ..Default::default()
        };
        let answer = cluster.models().search_models(request).await.unwrap();
        answer.into_inner().total
    };
    assert_eq!(total("", true).await, Some(5));
    assert_eq!(total("owner = 'risk'", true).await, Some(4));
    assert_eq!(total("name = 'none'", true).await, Some(0));
    assert_eq!(total("", false).await, None);
}

#[tokio::test]
async fn a_page_begins_anywhere() {
    let cluster = Cluster::start().await;
    for number in 0..7 {
        create_model(&cluster, &format!("m{number}"), "risk").await;
    }
    let page = async |skip, page_token: &str, page_size| -> SearchModelsResponse {
        let request = SearchModelsRequest {
            filter: "owner = 'risk'".to_owned(),
            order_by: vec!["name".to_owned()],
            page_size,
            page_token: page_token.to_owned(),
            skip,
            count: true,
            ..Default::default()
        };
        let answer = cluster.models().search_models(request).await;
        answer.unwrap().into_inner()
    };
    let named = |page: &SearchModelsResponse| -> Vec<String> {
        page.models.iter().map(|model| model.name.clone()).collect()
    };
    let all = named(&page(0, "", 100).await);
    for skip in [0, 2, 6, 7, 100] {
        let found = page(skip, "", 3).await;
        let rest = &all[all.len().min(skip as usize)..];
        assert_eq!(named(&found), rest[..rest.len().min(3)], "{skip}");
        assert_eq!(found.next_page_token.is_empty(), rest.len() <= 3, "{skip}");
        assert_eq!(found.total, Some(7), "what is passed over counts");
    }
    let first = page(1, "", 2).await;
    let next = page(1, &first.next_page_token, 2).await;
    assert_eq!(named(&next), all[4..6], "counted from where the page ended");
    let far = SearchVersionsRequest {
        skip: 2_000_000,
        ..Default::default()
    };
    let refused = cluster.versions().search_versions(far).await.unwrap_err();
    assert_eq!(fields(&refused), ["skip"]);
}

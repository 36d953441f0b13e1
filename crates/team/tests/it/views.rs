//! Saved views, which everybody in the workspace shares.

use herdbook_proto::team::v1::{
    DeleteViewRequest, ListViewsRequest, SaveViewRequest, SavedView, SubjectKind,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Status;

use crate::cluster::{Cluster, subject};

async fn save(cluster: &Cluster, by: &str, name: &str, query: &str) -> Result<SavedView, Status> {
    let request = SaveViewRequest {
        subject: Some(subject(SubjectKind::Experiment, "0")),
        name: name.to_owned(),
        query: query.to_owned(),
    };
    let saved = cluster.views().save_view(cluster.by(by, request)).await?;
    Ok(saved.into_inner().view.unwrap())
}

async fn listed(cluster: &Cluster, experiment: &str) -> Vec<(String, String, String)> {
    let request = ListViewsRequest {
        subject: Some(subject(SubjectKind::Experiment, experiment)),
    };
    let found = cluster
        .views()
        .list_views(cluster.by("cyd", request))
        .await
        .unwrap();
    let views = found.into_inner().views.into_iter();
    views
        .map(|view| (view.name, view.query, view.saved_by))
        .collect()
}

#[tokio::test]
async fn a_view_is_saved_replaced_and_deleted_by_name() {
    let cluster = Cluster::start().await;
    save(&cluster, "bo", "sweep B", "sort=a").await.unwrap();
    save(&cluster, "bo", "sweep A", "q=x&group=lr")
        .await
        .unwrap();
    save(&cluster, "ana", "sweep B", "sort=b").await.unwrap();
    let of = |name: &str, query: &str, by: &str| (name.to_owned(), query.to_owned(), by.to_owned());
    assert_eq!(
        listed(&cluster, "0").await,
        [
            of("sweep A", "q=x&group=lr", "bo"),
            of("sweep B", "sort=b", "ana")
        ]
    );
    assert!(listed(&cluster, "1").await.is_empty());
    let delete = DeleteViewRequest {
        subject: Some(subject(SubjectKind::Experiment, "0")),
        name: "sweep A".to_owned(),
    };
    let mut views = cluster.views();
    let refused = views.delete_view(cluster.elsewhere(delete.clone())).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "VIEW_NOT_FOUND");
    views
        .delete_view(cluster.by("bo", delete.clone()))
        .await
        .unwrap();
    let refused = views.delete_view(cluster.by("bo", delete)).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "VIEW_NOT_FOUND");
    assert_eq!(listed(&cluster, "0").await.len(), 1);
}

#[tokio::test]
async fn viewers_use_views_and_bad_ones_are_refused() {
    let cluster = Cluster::start().await;
    let refused = save(&cluster, "cyd", "mine", "a=b").await.unwrap_err();
    assert_eq!(reason(&refused).1, "ROLE_TOO_LOW");
    let refused = save(&cluster, "bo", "", &"x".repeat(17_000)).await;
    assert_eq!(fields(&refused.unwrap_err()), ["name", "query"]);
}

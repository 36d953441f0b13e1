//! What each person prefers.

use std::collections::BTreeMap;

use herdbook_proto::team::v1::{GetPreferencesRequest, SetPreferencesRequest};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::Cluster;

async fn set(cluster: &Cluster, by: &str, pairs: &[(&str, &str)]) -> Result<(), Status> {
    let pairs = pairs.iter();
    let request = SetPreferencesRequest {
        preferences: pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    };
    cluster
        .preferences()
        .set_preferences(cluster.by(by, request))
        .await?;
    Ok(())
}

async fn of(cluster: &Cluster, name: &str) -> BTreeMap<String, String> {
    let request = cluster.by(name, GetPreferencesRequest {});
    let found = cluster.preferences().get_preferences(request).await;
    found.unwrap().into_inner().preferences
}

#[tokio::test]
async fn each_person_has_their_own_even_as_a_viewer() {
    let cluster = Cluster::start().await;
    let own = [("theme", "\"dark\""), ("splitter.experiment", "0.4")];
    set(&cluster, "cyd", &own).await.unwrap();
    set(&cluster, "bo", &[("theme", "\"light\"")])
        .await
        .unwrap();
    set(
        &cluster,
        "cyd",
        &[("theme", "\"auto\""), ("splitter.experiment", "")],
    )
    .await
    .unwrap();
    let theme = |value: &str| BTreeMap::from([("theme".to_owned(), value.to_owned())]);
    assert_eq!(of(&cluster, "cyd").await, theme("\"auto\""));
    assert_eq!(of(&cluster, "bo").await, theme("\"light\""));
    assert!(of(&cluster, "ana").await.is_empty());
}

#[tokio::test]
async fn what_is_no_json_or_too_much_is_refused() {
    let cluster = Cluster::start().await;
    let refused = set(&cluster, "bo", &[("theme", "dark")]).await.unwrap_err();
    assert_eq!(fields(&refused), ["preferences"]);
    let many: Vec<String> = (0..1_000).map(|number| format!("key{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "1")).collect();
    set(&cluster, "bo", &many).await.unwrap();
    let refused = set(&cluster, "bo", &[("one more", "1")]).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::ResourceExhausted, "TOO_MANY".into())
    );
    assert_eq!(of(&cluster, "bo").await.len(), 1_000);
}

//! Whom comments mention.

use herdbook_proto::team::v1::{DeleteCommentRequest, ListMentionsRequest, UpdateCommentRequest};

use crate::cluster::{Cluster, of_run};

async fn mentions_of(cluster: &Cluster, name: &str) -> Vec<String> {
    let request = cluster.by(name, ListMentionsRequest::default());
    let found = cluster.comments().list_mentions(request).await.unwrap();
    let comments = found.into_inner().comments.into_iter();
    comments.map(|comment| comment.text).collect()
}

#[tokio::test]
async fn members_are_told_of_what_mentions_them_newest_first() {
    let cluster = Cluster::start().await;
    let run = of_run(&cluster.run("bo").await);
    let said = cluster
        .say("bo", &run, "@ana and @nobody, look")
        .await
        .unwrap();
    assert_eq!(said.mentions, ["ana"]);
    cluster
        .say("ana", &run, "seen, @bo. @cyd too")
        .await
        .unwrap();
    let later = cluster.say("bo", &run, "thanks @ana").await.unwrap();
    assert_eq!(
        mentions_of(&cluster, "ana").await,
        ["thanks @ana", "@ana and @nobody, look"]
    );
    assert_eq!(mentions_of(&cluster, "cyd").await, ["seen, @bo. @cyd too"]);

    let request = UpdateCommentRequest {
        id: later.id,
        text: "thanks @cyd".to_owned(),
    };
    cluster
        .comments()
        .update_comment(cluster.by("bo", request))
        .await
        .unwrap();
    assert_eq!(
        mentions_of(&cluster, "ana").await,
        ["@ana and @nobody, look"]
    );
    assert_eq!(
        mentions_of(&cluster, "cyd").await,
        ["thanks @cyd", "seen, @bo. @cyd too"]
    );
    let request = DeleteCommentRequest { id: said.id };
    cluster
        .comments()
        .delete_comment(cluster.by("bo", request))
        .await
        .unwrap();
    assert!(mentions_of(&cluster, "ana").await.is_empty());
}

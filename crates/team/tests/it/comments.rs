//! What people say about things.

use herdbook_proto::team::v1::{
    Comment, CreateCommentRequest, DeleteCommentRequest, ListCommentsRequest, Subject, SubjectKind,
    UpdateCommentRequest,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, of_run, subject};

async fn listed(cluster: &Cluster, subject: &Subject) -> Vec<Comment> {
    let request = ListCommentsRequest {
        subject: Some(subject.clone()),
        ..Default::default()
    };
    let found = cluster
        .comments()
        .list_comments(cluster.by("cyd", request))
        .await;
    found.unwrap().into_inner().comments
}

fn update(comment: &Comment, text: &str) -> UpdateCommentRequest {
    UpdateCommentRequest {
        id: comment.id.clone(),
        text: text.to_owned(),
    }
}

fn delete(comment: &Comment) -> DeleteCommentRequest {
    DeleteCommentRequest {
        id: comment.id.clone(),
    }
}

#[tokio::test]
async fn comments_are_of_their_subject_in_the_order_they_were_said() {
    let cluster = Cluster::start().await;
    let (one, other) = (cluster.run("bo").await, cluster.run("bo").await);
    for text in ["first", "second", "third"] {
        cluster.say("bo", &of_run(&one), text).await.unwrap();
    }
    cluster.say("ana", &of_run(&other), "else").await.unwrap();
    let texts = |comments: Vec<Comment>| {
        comments
            .into_iter()
            .map(|comment| (comment.author, comment.text))
            .collect::<Vec<_>>()
    };
    let said = |by: &str, text: &str| (by.to_owned(), text.to_owned());
    assert_eq!(
        texts(listed(&cluster, &of_run(&one)).await),
        [
            said("bo", "first"),
            said("bo", "second"),
            said("bo", "third")
        ]
    );
    assert_eq!(
        texts(listed(&cluster, &of_run(&other)).await),
        [said("ana", "else")]
    );

    let mut paged = Vec::new();
    let mut request = ListCommentsRequest {
        subject: Some(of_run(&one)),
        page_size: 2,
        ..Default::default()
    };
    loop {
        let page = cluster
            .comments()
            .list_comments(cluster.by("cyd", request.clone()))
            .await
            .unwrap()
            .into_inner();
        paged.extend(page.comments);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(texts(paged).len(), 3);
}

#[tokio::test]
async fn every_kind_of_thing_can_be_spoken_of_if_it_is_there() {
    let cluster = Cluster::start().await;
    cluster.model("fraud-detector").await;
    let report = cluster.report("bo", "Findings").await;
    for there in [
        subject(SubjectKind::Experiment, "0"),
        subject(SubjectKind::Model, "fraud-detector"),
        subject(SubjectKind::Report, &report.id),
    ] {
        cluster.say("bo", &there, "so").await.unwrap();
        assert_eq!(listed(&cluster, &there).await.len(), 1);
    }
    let unknown = "0".repeat(32);
    for (kind, name) in [
        (SubjectKind::Run, &*unknown),
        (SubjectKind::Experiment, "77"),
        (SubjectKind::Model, "nothing"),
        (SubjectKind::Version, "fraud-detector/1"),
    ] {
        let refused = cluster.say("bo", &subject(kind, name), "so").await;
        assert_eq!(
            reason(&refused.unwrap_err()),
            (Code::NotFound, "SUBJECT_NOT_FOUND".into()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_repeat_says_it_once() {
    let cluster = Cluster::start().await;
    let run = cluster.run("bo").await;
    let request = CreateCommentRequest {
        subject: Some(of_run(&run)),
        text: "once @ana".to_owned(),
        request_id: "r1".to_owned(),
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let said = cluster
            .comments()
            .create_comment(cluster.by("bo", request.clone()))
            .await;
        ids.push(said.unwrap().into_inner().comment.unwrap().id);
    }
    assert_eq!(ids[0], ids[1]);
    // The key of somebody else is another one.
    cluster
        .comments()
        .create_comment(cluster.by("ana", request))
        .await
        .unwrap();
    assert_eq!(listed(&cluster, &of_run(&run)).await.len(), 2);
}

#[tokio::test]
async fn a_comment_is_its_authors_and_leaves_a_mark() {
    let cluster = Cluster::start().await;
    let run = cluster.run("bo").await;
    let said = cluster.say("bo", &of_run(&run), "wrong").await.unwrap();
    let mut comments = cluster.comments();
    let refused = comments
        .update_comment(cluster.by("ana", update(&said, "mine")))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::PermissionDenied, "NOT_AUTHOR".into())
    );
    let edited = comments
        .update_comment(cluster.by("bo", update(&said, "right")))
        .await
        .unwrap()
        .into_inner()
        .comment
        .unwrap();
    assert!(edited.text == "right" && edited.edited_at.is_some());

    let of_ana = cluster.say("ana", &of_run(&run), "keep").await.unwrap();
    let refused = comments
        .delete_comment(cluster.by("bo", delete(&of_ana)))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused).1, "NOT_AUTHOR");
    // An admin may delete what others said.
    comments
        .delete_comment(cluster.by("ana", delete(&said)))
        .await
        .unwrap();
    let left = listed(&cluster, &of_run(&run)).await;
    assert_eq!(left.len(), 2);
    assert!(left[0].text.is_empty() && left[0].deleted_at.is_some() && left[0].author == "bo");
    let refused = comments
        .update_comment(cluster.by("bo", update(&said, "again")))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused).1, "COMMENT_DELETED");
}

#[tokio::test]
async fn viewers_read_and_strangers_find_nothing() {
    let cluster = Cluster::start().await;
    let run = cluster.run("bo").await;
    let said = cluster.say("bo", &of_run(&run), "hello").await.unwrap();
    let refused = cluster.say("cyd", &of_run(&run), "me too").await;
    assert_eq!(reason(&refused.unwrap_err()).1, "ROLE_TOO_LOW");
    let request = ListCommentsRequest {
        subject: Some(of_run(&run)),
        ..Default::default()
    };
    let found = cluster
        .comments()
        .list_comments(cluster.elsewhere(request))
        .await;
    assert!(found.unwrap().into_inner().comments.is_empty());
    let refused = cluster
        .comments()
        .delete_comment(cluster.elsewhere(delete(&said)))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "COMMENT_NOT_FOUND".into())
    );
}

#[tokio::test]
async fn what_says_nothing_is_refused_with_the_field() {
    let cluster = Cluster::start().await;
    let run = cluster.run("bo").await;
    for text in ["", " \n", "a\0", &"x".repeat(65 * 1024)] {
        let refused = cluster.say("bo", &of_run(&run), text).await.unwrap_err();
        assert_eq!(fields(&refused), ["text"]);
    }
    let refused = cluster
        .say("bo", &subject(SubjectKind::Run, "x"), "so")
        .await;
    assert_eq!(fields(&refused.unwrap_err()), ["subject.name"]);
    let request = CreateCommentRequest::default();
    let refused = cluster
        .comments()
        .create_comment(cluster.by("bo", request))
        .await;
    assert_eq!(fields(&refused.unwrap_err()), ["subject", "text"]);
}

//! Reports: saved with revisions, and never over what somebody else wrote.

use herdbook_proto::{
    common::v1::{Lifecycle, View},
    team::v1::{
        CreateReportRequest, DeleteReportRequest, GetReportRequest, ListReportRevisionsRequest,
        ListReportsRequest, Report, RestoreReportRequest, UpdateReportRequest,
    },
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::Cluster;

async fn save(
    cluster: &Cluster,
    by: &str,
    report: &Report,
    expected_revision: i64,
    text: &str,
) -> Result<Report, Status> {
    let request = UpdateReportRequest {
        id: report.id.clone(),
        title: report.title.clone(),
        text: text.to_owned(),
        expected_revision,
        comment: format!("by {by}"),
    };
    let saved = cluster
        .reports()
        .update_report(cluster.by(by, request))
        .await?;
    Ok(saved.into_inner().report.unwrap())
}

async fn get(cluster: &Cluster, id: &str, revision: i64) -> Result<Report, Status> {
    let request = GetReportRequest {
        id: id.to_owned(),
        revision,
    };
    let found = cluster
        .reports()
        .get_report(cluster.by("cyd", request))
        .await?;
    Ok(found.into_inner().report.unwrap())
}

async fn titles(cluster: &Cluster, view: View) -> Vec<String> {
    let request = ListReportsRequest {
        view: view.into(),
        ..Default::default()
    };
    let found = cluster
        .reports()
        .list_reports(cluster.by("cyd", request))
        .await;
    let reports = found.unwrap().into_inner().reports;
    assert!(reports.iter().all(|report| report.text.is_empty()));
    reports.into_iter().map(|report| report.title).collect()
}

#[tokio::test]
async fn every_save_is_a_revision_that_stays() {
    let cluster = Cluster::start().await;
    let report = cluster.report("bo", "Findings").await;
    assert_eq!((report.revision, &*report.updated_by), (1, "bo"));
    let saved = save(&cluster, "ana", &report, 1, "second").await.unwrap();
    assert_eq!((saved.revision, &*saved.updated_by), (2, "ana"));
    assert_eq!(get(&cluster, &report.id, 0).await.unwrap().text, "second");
    let first = get(&cluster, &report.id, 1).await.unwrap();
    assert_eq!((&*first.text, &*first.updated_by), ("first", "bo"));
    let refused = get(&cluster, &report.id, 3).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "REVISION_NOT_FOUND".into())
    );
    let request = ListReportRevisionsRequest {
        id: report.id,
        ..Default::default()
    };
    let found = cluster
        .reports()
        .list_report_revisions(cluster.by("cyd", request))
        .await;
    let revisions: Vec<_> = found
        .unwrap()
        .into_inner()
        .revisions
        .into_iter()
        .map(|revision| (revision.revision, revision.saved_by, revision.comment))
        .collect();
    assert_eq!(
        revisions,
        [
            (2, "ana".to_owned(), "by ana".to_owned()),
            (1, "bo".to_owned(), String::new())
        ]
    );
}

#[tokio::test]
async fn of_two_saves_at_once_one_is_refused_and_nothing_is_lost() {
    let cluster = Cluster::start().await;
    let report = cluster.report("bo", "Findings").await;
    let (one, other) = tokio::join!(
        save(&cluster, "ana", &report, 1, "of ana"),
        save(&cluster, "bo", &report, 1, "of bo")
    );
    let (saved, refused) = match (one, other) {
        (Ok(saved), Err(refused)) | (Err(refused), Ok(saved)) => (saved, refused),
        both => panic!("one must win: {both:?}"),
    };
    assert_eq!(reason(&refused), (Code::Aborted, "REPORT_CHANGED".into()));
    assert!(refused.message().contains(&saved.updated_by), "{refused:?}");
    let now = get(&cluster, &report.id, 0).await.unwrap();
    assert_eq!((now.revision, &now.text), (2, &saved.text));
}

#[tokio::test]
async fn a_deleted_report_comes_back_as_it_was() {
    let cluster = Cluster::start().await;
    let report = cluster.report("bo", "Findings").await;
    cluster.report("bo", "Other").await;
    let id = report.id.clone();
    let request = DeleteReportRequest { id: id.clone() };
    cluster
        .reports()
        .delete_report(cluster.by("ana", request))
        .await
        .unwrap();
    assert_eq!(titles(&cluster, View::Active).await, ["Other"]);
    assert_eq!(titles(&cluster, View::Deleted).await, ["Findings"]);
    let deleted = get(&cluster, &id, 0).await.unwrap();
    assert_eq!(deleted.lifecycle(), Lifecycle::Deleted);
    let refused = save(&cluster, "bo", &report, 1, "x").await.unwrap_err();
    assert_eq!(reason(&refused).1, "REPORT_DELETED");
    let request = RestoreReportRequest { id };
    cluster
        .reports()
        .restore_report(cluster.by("ana", request))
        .await
        .unwrap();
    assert_eq!(titles(&cluster, View::All).await, ["Other", "Findings"]);
    save(&cluster, "bo", &report, 1, "x").await.unwrap();
    assert_eq!(titles(&cluster, View::Active).await, ["Findings", "Other"]);
}

#[tokio::test]
async fn viewers_read_and_strangers_find_nothing() {
    let cluster = Cluster::start().await;
    let report = cluster.report("bo", "Findings").await;
    let refused = save(&cluster, "cyd", &report, 1, "x").await.unwrap_err();
    assert_eq!(reason(&refused).1, "ROLE_TOO_LOW");
    let request = GetReportRequest {
        id: report.id,
        revision: 0,
    };
    let refused = cluster
        .reports()
        .get_report(cluster.elsewhere(request))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "REPORT_NOT_FOUND".into())
    );
}

#[tokio::test]
async fn a_repeat_makes_one_report_and_bad_ones_are_refused() {
    let cluster = Cluster::start().await;
    let request = CreateReportRequest {
        title: "Once".to_owned(),
        text: String::new(),
        request_id: "r1".to_owned(),
    };
    for _ in 0..2 {
        cluster
            .reports()
            .create_report(cluster.by("bo", request.clone()))
            .await
            .unwrap();
    }
    assert_eq!(titles(&cluster, View::Active).await, ["Once"]);
    let request = CreateReportRequest {
        title: " ".to_owned(),
        text: "x".repeat(1024 * 1024 + 1),
        ..Default::default()
    };
    let refused = cluster
        .reports()
        .create_report(cluster.by("bo", request))
        .await;
    assert_eq!(fields(&refused.unwrap_err()), ["title", "text"]);
}

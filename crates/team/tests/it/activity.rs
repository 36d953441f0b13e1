//! What happened in a workspace, from all who know.

use herdbook_proto::team::v1::{ActivityKind, ListActivityRequest, activity::Event};
use herdbook_testkit::{grpc::fields, wait_until};

use crate::cluster::{Cluster, of_run};

/// What happened, newest first, by pages of `page_size`.
async fn listed(cluster: &Cluster, mut request: ListActivityRequest) -> Vec<(String, String)> {
    let mut all = Vec::new();
    loop {
        let page = cluster
            .activity()
            .list_activity(cluster.by("cyd", request.clone()))
            .await
            .unwrap()
            .into_inner();
        all.extend(page.activities.into_iter().map(|activity| {
            let what = match activity.event.unwrap() {
                Event::Run(run) => format!("run {}", run.name),
                Event::Record(record) => format!("record {}", record.model),
                Event::Comment(comment) => format!("comment {}", comment.text),
                Event::Report(report) => format!("report {}", report.title),
                Event::Access(change) => format!("access {}", change.subject),
            };
            (activity.principal, what)
        }));
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

fn of(kinds: &[ActivityKind], principal: &str, page_size: u32) -> ListActivityRequest {
    ListActivityRequest {
        kinds: kinds.iter().map(|kind| i32::from(*kind)).collect(),
        principal: principal.to_owned(),
        page_size,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_all_services_know_is_one_list() {
    let cluster = Cluster::start().await;
    let run = cluster.ended_run("bo").await;
    cluster.model("fraud-detector").await;
    cluster.say("ana", &of_run(&run), "good").await.unwrap();
    cluster.report("bo", "Findings").await;
    let run_line = ("bo".to_owned(), format!("run {}", run.name));
    let line = |by: &str, what: &str| (by.to_owned(), what.to_owned());
    let expected = [
        line("bo", "report Findings"),
        line("ana", "comment good"),
        line("ana", "record fraud-detector"),
        run_line.clone(),
    ];
    // A run that has just ended may be searched for a moment later.
    let all = wait_until("the run is found", async || {
        let all = listed(&cluster, of(&[], "", 100)).await;
        all.contains(&run_line).then_some(all)
    })
    .await;
    assert_eq!(all[..4], expected);
    // Below are three people, each with a role and a token.
    assert_eq!(all.len(), 10);
    assert_eq!(all[4], line("local", "access cyd"));

    for page_size in [1, 3, 7] {
        assert_eq!(listed(&cluster, of(&[], "", page_size)).await, all);
    }
    let talk = [ActivityKind::Comment, ActivityKind::Report];
    assert_eq!(listed(&cluster, of(&talk, "", 1)).await, all[..2]);
    let of_bo = listed(&cluster, of(&[], "bo", 1)).await;
    assert_eq!(of_bo, [expected[0].clone(), run_line]);
    let refused = cluster
        .activity()
        .list_activity(cluster.by(
            "cyd",
            ListActivityRequest {
                kinds: vec![9],
                ..Default::default()
            },
        ))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["kinds"]);
}

#[tokio::test]
async fn pages_go_on_past_what_a_source_tells_at_a_time() {
    let cluster = Cluster::start().await;
    let run = of_run(&cluster.run("bo").await);
    for number in 0..450 {
        let by = if number % 30 == 0 { "ana" } else { "bo" };
        cluster.say(by, &run, &format!("{number}")).await.unwrap();
    }
    let all = listed(&cluster, of(&[ActivityKind::Comment], "", 70)).await;
    let texts: Vec<_> = all.iter().map(|(_, what)| what.clone()).collect();
    let expected: Vec<_> = (0..450)
        .rev()
        .map(|number| format!("comment {number}"))
        .collect();
    assert_eq!(texts, expected);
    let of_ana = listed(&cluster, of(&[ActivityKind::Comment], "ana", 4)).await;
    assert_eq!(of_ana.len(), 15);
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it() {
    let cluster = Cluster::start().await;
    let run = cluster.ended_run("bo").await;
    cluster.say("bo", &of_run(&run), "secret").await.unwrap();
    let request = ListActivityRequest::default();
    let found = cluster
        .activity()
        .list_activity(cluster.elsewhere(request))
        .await;
    let activities = found.unwrap().into_inner().activities;
    // Only that it was created.
    assert_eq!(activities.len(), 1);
}

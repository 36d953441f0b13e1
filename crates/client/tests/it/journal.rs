use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use herdbook_client::{Client, CreateRunRequest, Durability, Event, Options, RunStatus};

use crate::server::{Herdbook, Told, steps};

const LONG: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::ZERO;

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn durable(options: Options, folder: &Path) -> Options {
    options.spool(folder).durability(Durability::Disk)
}

/// A whole run, with a file that is gone afterwards.
fn log_all(client: &Client) -> String {
    let request = CreateRunRequest {
        name: "first".to_owned(),
        params: BTreeMap::from([("lr".to_owned(), "0.1".to_owned())]),
        ..Default::default()
    };
    let run = client.start_run("cats", request).unwrap();
    for step in 0..100 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    drop(run.set_tags([("state", "early")]));
    drop(run.set_tags([("state", "late")]));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), vec![7; 3 << 20]).unwrap();
    drop(run.upload(file.path(), "model/weights.bin").unwrap());
    drop(run.finish(RunStatus::Finished));
    run.id().to_string()
}

async fn expect_all(herdbook: &Herdbook, id: &str) {
    let run = herdbook.run(id).await;
    assert_eq!(
        (run.name.as_str(), run.status()),
        ("first", RunStatus::Finished)
    );
    assert_eq!((&*run.params["lr"], &*run.tags["state"]), ("0.1", "late"));
    assert_eq!(herdbook.points(id).await["loss"], steps(100));
    let uploaded = herdbook.files(id).await;
    assert_eq!(uploaded, [("model/weights.bin".to_owned(), 3 << 20)]);
}

#[tokio::test]
async fn a_run_begins_without_waiting_and_all_of_it_arrives() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    for options in [
        herdbook.options(),
        durable(herdbook.options(), folder.path()),
    ] {
        let client = Client::connect(options).unwrap();
        let request = CreateRunRequest::default();
        let run = client.start_run("dogs", request).unwrap();
        run.log(0, &[("loss", 0.0)]).unwrap();
        run.settle().await.unwrap();
        let id = run.id().to_string();
        assert_eq!(herdbook.run(&id).await.status(), RunStatus::Running);
        drop(run.finish(RunStatus::Finished));
        let closed = client.close(LONG).await.unwrap();
        assert_eq!((closed.committed, closed.lost, closed.acts_left), (1, 0, 0));
        assert_eq!(herdbook.run(&id).await.status(), RunStatus::Finished);
    }
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn a_run_without_a_server_is_sent_by_the_next_process() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    herdbook.go_away().await;
    let told = Told::default();
    let options = durable(herdbook.options(), folder.path());
    let client = Client::connect(told.listen(options.clone())).unwrap();
    let id = log_all(&client);
    let closed = client.close(AT_ONCE).await.unwrap();
    assert_eq!(
        (closed.in_spool, closed.lost, closed.acts_left),
        (100, 0, 5)
    );
    told.until("it is told", |event| {
        matches!(
            event,
            Event::ActsLeft {
                acts: 5,
                kept: true
            }
        )
    })
    .await;
    herdbook.come_back().await;
    let client = Client::connect(options).unwrap();
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.in_spool, closed.acts_left), (0, 0));
    expect_all(&herdbook, &id).await;
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn offline_nothing_is_sent_though_the_server_is_there() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = durable(herdbook.options(), folder.path());
    let client = Client::connect(options.clone().offline()).unwrap();
    let id = log_all(&client);
    let closed = client.close(AT_ONCE).await.unwrap();
    assert_eq!(
        (closed.committed, closed.in_spool, closed.acts_left),
        (0, 100, 5)
    );
    Client::connect(options).unwrap().close(LONG).await.unwrap();
    expect_all(&herdbook, &id).await;
}

#[tokio::test]
async fn a_child_waits_for_its_parent_even_when_both_were_left() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    herdbook.go_away().await;
    let options = durable(herdbook.options(), folder.path());
    let client = Client::connect(options.clone()).unwrap();
    let parent = client
        .start_run("cats", CreateRunRequest::default())
        .unwrap();
    let request = CreateRunRequest {
        parent_run_id: parent.id().to_string(),
        ..Default::default()
    };
    let child = client.start_run("cats", request).unwrap();
    client.close(AT_ONCE).await.unwrap();
    herdbook.come_back().await;
    let closed = Client::connect(options).unwrap().close(LONG).await.unwrap();
    assert_eq!(closed.acts_left, 0);
    let found = herdbook.run(&child.id().to_string()).await;
    assert_eq!(found.parent_run_id, parent.id().to_string());
}

#[tokio::test]
async fn whoever_joins_a_run_needs_not_wait_for_the_server_to_make_it() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    herdbook.go_away().await;
    let options = durable(herdbook.options(), folder.path());
    let first = Client::connect(options.clone()).unwrap();
    let run = first
        .start_run("cats", CreateRunRequest::default())
        .unwrap();
    let id = run.id().to_string();
    let second = Client::connect(options).unwrap();
    let request = CreateRunRequest {
        run_id: id.clone(),
        ..Default::default()
    };
    let joined = second.join_run("cats", request).unwrap();
    joined.log(0, &[("loss", 0.0)]).unwrap();
    herdbook.come_back().await;
    joined.settle().await.unwrap();
    run.settle().await.unwrap();
    assert_eq!(herdbook.points(&id).await["loss"], steps(1));
}

#[tokio::test]
async fn what_is_wrong_is_told_and_what_follows_is_done() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = durable(herdbook.options(), folder.path());
    let client = Client::connect(options).unwrap();
    let run = client
        .start_run("cats", CreateRunRequest::default())
        .unwrap();
    run.set_params([("lr", "0.1")]).await.unwrap();
    let error = run.set_params([("lr", "0.2")]).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::AlreadyExists);
    run.set_tags([("state", "good")]).await.unwrap();
    let closed = client.close(LONG).await.unwrap();
    assert_eq!(closed.acts_left, 0);
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn a_run_that_cannot_be_made_keeps_what_it_has() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    let options = durable(herdbook.options(), folder.path());
    let client = Client::connect(told.listen(options)).unwrap();
    let run = client
        .start_run(&"x".repeat(1_000), CreateRunRequest::default())
        .unwrap();
    run.log(0, &[("loss", 0.0)]).unwrap();
    let error = run.settle().await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
    let refused = |event: &Event| matches!(event, Event::CallsRefused { kept: Some(_), .. });
    told.until("it is told", refused).await;
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.in_spool, closed.lost, closed.acts_left), (1, 0, 1));
}

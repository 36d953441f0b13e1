use std::{fs, path::Path, time::Duration};

use herdbook_client::{Client, Durability, Event, Options};
use herdbook_testkit::wait_until;

use crate::server::{Herdbook, Told, create_run, steps};

const LONG: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::ZERO;

/// Points that a client leaves in `folder` while the server is away.
async fn leave(options: Options, run: &str, from: i64, to: i64) {
    let client = Client::connect(options).unwrap();
    let run = client.run(run).unwrap();
    for step in from..to {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    let closed = client.close(AT_ONCE).await.unwrap();
    assert_eq!((closed.in_spool as i64, closed.lost), (to - from, 0));
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn what_two_processes_left_is_sent_by_the_next_and_the_files_go() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let id = create_run(&Client::connect(herdbook.options()).unwrap()).await;
    herdbook.go_away().await;
    let options = herdbook.options().spool(folder.path());
    leave(options.clone(), &id, 0, 500).await;
    // The second takes over the first's spool, and leaves both.
    let client = Client::connect(options.clone()).unwrap();
    let run = client.run(&id).unwrap();
    for step in 500..1_000 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    let closed = client.close(AT_ONCE).await.unwrap();
    assert_eq!((closed.in_spool, closed.lost), (1_000, 0));
    assert_eq!(files(folder.path()), 4);
    herdbook.come_back().await;
    let told = Told::default();
    let client = Client::connect(told.listen(options)).unwrap();
    let replayed = |event: &Event| matches!(event, Event::SpoolReplayed { points: 500, .. });
    told.until("a spool is sent", replayed).await;
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.committed, closed.in_spool), (1_000, 0));
    assert_eq!(files(folder.path()), 0);
    let mut found = herdbook.points(&id).await.remove("loss").unwrap();
    found.sort_by_key(|point| point.0);
    assert_eq!(found, steps(1_000));
}

#[tokio::test]
async fn memory_that_is_short_spills_and_all_arrives_in_order() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    let options = herdbook.options().spool(folder.path()).memory(100_000);
    let client = Client::connect(told.listen(options)).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    herdbook.go_away().await;
    for step in 0..100_000 {
        client.room().await;
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    told.until("it spills", |event| matches!(event, Event::Spilling { .. }))
        .await;
    assert_eq!(client.dropped(), 0);
    herdbook.come_back().await;
    run.flush().await.unwrap();
    assert_eq!(
        herdbook.points(&run.id().to_string()).await["loss"],
        steps(100_000)
    );
    client.close(LONG).await.unwrap();
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn a_spool_of_which_the_server_has_a_part_is_sent_from_there() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let options = |folder: &Path| {
        let options = herdbook.options().spool(folder);
        options.durability(Durability::Disk)
    };
    let client = Client::connect(options(folder.path())).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let id = run.id().to_string();
    for step in 0..2_000 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    // As a crash finds it: a copy of the files in the midst of things.
    wait_until("there is a spool", async || {
        (files(folder.path()) == 2).then_some(())
    })
    .await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    client.close(LONG).await.unwrap();
    let again = Client::connect(options(copy.path())).unwrap();
    again.close(LONG).await.unwrap();
    assert_eq!(files(copy.path()), 0);
    assert_eq!(herdbook.points(&id).await["loss"], steps(2_000));
}

#[tokio::test]
async fn a_batch_that_is_damaged_is_told_and_those_around_it_arrive() {
    let mut herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let id = create_run(&Client::connect(herdbook.options()).unwrap()).await;
    herdbook.go_away().await;
    let options = herdbook
        .options()
        .spool(folder.path())
        .durability(Durability::Disk);
    let client = Client::connect(options.clone()).unwrap();
    let run = client.run(&id).unwrap();
    let length = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    let mut ends = vec![0];
    for step in 0..3 {
        run.log(step, &[("loss", step as f64)]).unwrap();
        let last = ends[ends.len() - 1];
        ends.push(
            wait_until("the batch is in the spool", async || {
                (length() > last + 50).then(&length)
            })
            .await,
        );
    }
    client.close(AT_ONCE).await.unwrap();
    let path = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = path
        .into_iter()
        .find(|path| path.extension().unwrap() == "spool")
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(ends[2]).unwrap() - 3] ^= 1;
    fs::write(&path, bytes).unwrap();
    herdbook.come_back().await;
    let told = Told::default();
    let client = Client::connect(told.listen(options)).unwrap();
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.committed, closed.in_spool), (2, 0));
    let damaged = |event: &Event| matches!(event, Event::SpoolDamaged { .. });
    assert!(told.all().iter().any(damaged));
    assert_eq!(herdbook.points(&id).await["loss"], [(0, 0.0), (2, 2.0)]);
    assert_eq!(herdbook.run(&id).await.metrics[0].count, 2);
}

#[tokio::test]
async fn a_refused_run_keeps_its_points_in_the_spool_until_it_is_restored() {
    use herdbook_proto::tracking::v1::{DeleteRunRequest, RestoreRunRequest};
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let told = Told::default();
    let options = herdbook.options().spool(folder.path());
    let client = Client::connect(told.listen(options.clone())).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let run_id = run.id().to_string();
    let request = DeleteRunRequest {
        run_id: run_id.clone(),
    };
    herdbook.runs().await.delete_run(request).await.unwrap();
    for step in 0..10 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    run.flush().await.unwrap_err();
    let kept = |event: &Event| {
        matches!(
            event,
            Event::Refused {
                points: 10,
                kept: Some(_),
                ..
            }
        )
    };
    told.until("the points are kept", kept).await;
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.in_spool, closed.lost), (10, 0));
    let request = RestoreRunRequest {
        run_id: run_id.clone(),
    };
    herdbook.runs().await.restore_run(request).await.unwrap();
    Client::connect(options).unwrap().close(LONG).await.unwrap();
    assert_eq!(herdbook.points(&run_id).await["loss"], steps(10));
    assert_eq!(files(folder.path()), 0);
}

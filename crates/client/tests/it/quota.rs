//! A workspace without room keeps nobody from training and loses nothing.

use std::time::Duration;

use herdbook_client::{Client, ClientError, CreateRunRequest, Event};
use tonic::Code;

use crate::server::{Herdbook, Told, create_run, steps};

#[tokio::test]
async fn points_wait_until_the_workspace_has_room() {
    let herdbook = Herdbook::start().await;
    let told = Told::default();
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    herdbook.set_quota("points", 500).await;
    for step in 0..1_000 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    let full = |event: &Event| matches!(event, Event::NoRoom { in_memory: 1.., .. });
    told.until("that there is no room is told", full).await;
    let again = |event: &Event| matches!(event, Event::Connected { .. });
    assert!(!told.all().iter().any(again), "{:?}", told.all());

    herdbook.set_quota("points", 1_000).await;
    run.flush().await.unwrap();
    assert_eq!(
        herdbook.points(&run.id().to_string()).await["loss"],
        steps(1_000)
    );
    told.until("that it goes on is told", again).await;
    let told_once = told.all().iter().filter(|event| full(event)).count();
    assert_eq!(told_once, 1);
    let closed = client.close(Duration::from_secs(30)).await.unwrap();
    assert_eq!((closed.committed, closed.lost), (1_000, 0));
}

#[tokio::test]
async fn a_client_that_ends_meanwhile_leaves_them_in_its_spool() {
    let herdbook = Herdbook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = || herdbook.options().spool(folder.path());
    let client = Client::connect(options()).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let id = run.id().to_string();
    herdbook.set_quota("points", 0).await;
    for step in 0..100 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    let closed = client.close(Duration::from_millis(200)).await.unwrap();
    assert_eq!((closed.lost, closed.in_spool), (0, 100));

    herdbook.set_quota("points", 100).await;
    let told = Told::default();
    let client = Client::connect(told.listen(options())).unwrap();
    let replayed = |event: &Event| matches!(event, Event::SpoolReplayed { points: 100, .. });
    told.until("the spool is replayed", replayed).await;
    client.close(Duration::from_secs(30)).await.unwrap();
    assert_eq!(herdbook.points(&id).await["loss"], steps(100));
}

#[tokio::test]
async fn who_waits_for_a_run_is_told_at_once() {
    let herdbook = Herdbook::start().await;
    let client = Client::connect(herdbook.options()).unwrap();
    herdbook.set_quota("runs", 0).await;
    let refused = client.create_run(CreateRunRequest::default()).await;
    let ClientError::Call { code, message } = refused.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(code, Code::ResourceExhausted);
    assert!(message.contains("0 of the 0 runs"), "{message}");
}

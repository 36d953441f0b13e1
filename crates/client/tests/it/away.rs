use std::time::{Duration, Instant};

use herdbook_client::{Client, ClientError, Event};
use tonic::Code;

use crate::server::{Herdbook, Told, create_run, steps};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_gets_every_point_once() {
    let mut herdbook = Herdbook::start().await;
    let told = Told::default();
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let mut step = 0;
    let mut log = |count: i64| {
        for _ in 0..count {
            run.log(step, &[("loss", step as f64)]).unwrap();
            step += 1;
        }
    };
    for _ in 0..3 {
        log(1_000);
        herdbook.go_away().await;
        log(1_000);
        herdbook.come_back().await;
        log(1_000);
    }
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.committed, closed.lost), (9_000, 0));
    let found = herdbook.points(&run.id().to_string()).await;
    assert_eq!(found["loss"], steps(9_000));
}

#[tokio::test]
async fn logging_starts_before_the_server_does_and_is_told_of() {
    let mut herdbook = Herdbook::start().await;
    let told = Told::default();
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let id = create_run(&client).await;
    herdbook.go_away().await;
    drop(client);
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let run = client.run(&id).unwrap();
    for step in 0..100 {
        run.log(step, &[("loss", step as f64)]).unwrap();
    }
    let lost = |event: &Event| matches!(event, Event::ConnectionLost { in_memory: 1.., .. });
    told.until("the loss is told", lost).await;
    herdbook.come_back().await;
    run.flush().await.unwrap();
    let back = |event: &Event| matches!(event, Event::Connected { waiting: 1.. });
    told.until("the return is told", back).await;
    assert_eq!(herdbook.points(&id).await["loss"], steps(100));
}

#[tokio::test]
async fn without_a_server_nothing_waits_and_what_is_lost_is_counted() {
    let mut herdbook = Herdbook::start().await;
    let first = Client::connect(herdbook.options()).unwrap();
    let id = create_run(&first).await;
    herdbook.go_away().await;
    let told = Told::default();
    let options = herdbook
        .options()
        .memory(10_000)
        .patience(Duration::from_millis(100));
    let client = Client::connect(told.listen(options)).unwrap();
    let run = client.run(&id).unwrap();
    for step in 0..10_000 {
        run.log(step, &[("loss", 1.0)]).unwrap();
    }
    let error = client.create_run(Default::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    let dropped = |event: &Event| matches!(event, Event::PointsDropped { .. });
    told.until("the dropped points are told", dropped).await;
    let late = run.flush().await.unwrap_err();
    assert!(
        matches!(
            late,
            ClientError::Late {
                in_memory: 1..,
                in_spool: 0
            }
        ),
        "{late}"
    );
    let start = Instant::now();
    let closed = client.close(Duration::from_millis(200)).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (closed.committed, closed.lost, closed.in_spool),
        (0, 10_000, 0)
    );
    assert!(told.all().contains(&Event::Left {
        lost: 10_000,
        in_spool: 0
    }));
}

#[tokio::test]
async fn a_producer_that_can_wait_for_room_loses_nothing() {
    let mut herdbook = Herdbook::start().await;
    let client = Client::connect(herdbook.options().memory(100_000)).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    herdbook.go_away().await;
    let producing = {
        let (client, run) = (client.clone(), run.clone());
        tokio::spawn(async move {
            for step in 0..50_000 {
                client.room().await;
                run.log(step, &[("loss", step as f64)]).unwrap();
            }
        })
    };
    herdbook_testkit::wait_until("memory is short", async || {
        let waits = tokio::time::timeout(Duration::from_millis(1), client.room()).await;
        waits.is_err().then_some(())
    })
    .await;
    herdbook.come_back().await;
    producing.await.unwrap();
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.committed, closed.lost), (50_000, 0));
    assert_eq!(
        herdbook.points(&run.id().to_string()).await["loss"],
        steps(50_000)
    );
}

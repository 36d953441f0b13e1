use std::time::{Duration, SystemTime};

use herdbook_client::{Client, ClientError, Event, Options, RunStatus};
use tonic::Code;

use crate::server::{Herdbook, Told, create_run, steps};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn points_of_several_runs_arrive_once_and_in_order() {
    let herdbook = Herdbook::start().await;
    let client = Client::connect(herdbook.options()).unwrap();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let id = create_run(&client).await;
        runs.push(client.run(&id).unwrap());
    }
    for step in 0..20_000 {
        for run in &runs {
            run.log(step, &[("loss", step as f64), ("lr", step as f64)])
                .unwrap();
            if step % 100 == 0 {
                run.log(step, &[("val/loss", step as f64)]).unwrap();
            }
        }
    }
    let closed = client.close(LONG).await.unwrap();
    assert_eq!(
        (closed.committed, closed.lost, closed.in_spool),
        (120_600, 0, 0)
    );
    for run in &runs {
        let found = herdbook.points(&run.id().to_string()).await;
        assert_eq!(found["loss"], steps(20_000));
        assert_eq!(found["lr"], steps(20_000));
        assert_eq!(found["val/loss"].len(), 200);
        assert!(matches!(
            run.log(0, &[("loss", 1.0)]),
            Err(ClientError::Closed)
        ));
    }
}

#[tokio::test]
async fn what_is_flushed_is_committed_with_its_time_and_every_bit() {
    let herdbook = Herdbook::start().await;
    let client = Client::connect(herdbook.options()).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
    run.log_at(-5, time, &[("loss", f64::NAN), ("gain", f64::NEG_INFINITY)])
        .unwrap();
    run.log_at(i64::MAX, time, &[("loss", -0.0)]).unwrap();
    run.flush().await.unwrap();
    let id = run.id().to_string();
    let found = herdbook.points(&id).await;
    assert!(found["loss"][0].1.is_nan());
    assert_eq!(found["loss"][1].0, i64::MAX);
    assert!(found["loss"][1].1.is_sign_negative());
    assert_eq!(found["gain"], [(-5, f64::NEG_INFINITY)]);
    let latest = herdbook.run(&id).await.metrics[0].latest_time.unwrap();
    assert_eq!((latest.seconds, latest.nanos), (1_700_000_000, 123_456_000));
}

#[tokio::test]
async fn params_tags_and_the_status_arrive_in_order() {
    let herdbook = Herdbook::start().await;
    let told = Told::default();
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let run = client.run(&create_run(&client).await).unwrap();
    drop(run.set_params([("lr", "0.1")]));
    for number in 0..10 {
        drop(run.set_tags([("phase", number.to_string())]));
    }
    let error = run.set_params([("lr", "0.2")]).await.unwrap_err();
    assert_eq!(error.code(), Code::AlreadyExists);
    drop(run.set_params([("lr", "0.3")]));
    run.log(0, &[("loss", 1.0)]).unwrap();
    run.finish(RunStatus::Finished).await.unwrap();
    let found = herdbook.run(&run.id().to_string()).await;
    assert_eq!(found.params["lr"], "0.1");
    assert_eq!(found.tags["phase"], "9");
    assert_eq!(found.status(), RunStatus::Finished);
    assert!(found.ended_at.is_some());
    told.until("the dropped call is told", |event| {
        matches!(event, Event::CallFailed { .. })
    })
    .await;
}

#[tokio::test]
async fn a_deleted_run_is_refused_by_name_and_others_go_on() {
    let herdbook = Herdbook::start().await;
    let told = Told::default();
    let client = Client::connect(told.listen(herdbook.options())).unwrap();
    let deleted = client.run(&create_run(&client).await).unwrap();
    let other = client.run(&create_run(&client).await).unwrap();
    let request = herdbook_proto::tracking::v1::DeleteRunRequest {
        run_id: deleted.id().to_string(),
    };
    herdbook.runs().await.delete_run(request).await.unwrap();
    deleted.log(0, &[("loss", 1.0)]).unwrap();
    other.log(0, &[("loss", 0.0)]).unwrap();
    let error = deleted.flush().await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.to_string().contains("restore it"), "{error}");
    assert!(matches!(
        deleted.log(1, &[("loss", 1.0)]),
        Err(ClientError::Refused { .. })
    ));
    let refused = |event: &Event| matches!(event, Event::Refused { run, points: 1, kept: None, .. } if *run == deleted.id());
    told.until("the refusal is told", refused).await;
    other.flush().await.unwrap();
    let closed = client.close(LONG).await.unwrap();
    assert_eq!((closed.committed, closed.lost), (1, 1));
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_at_once() {
    let refused = |options: Options| Client::connect(options).unwrap_err().to_string();
    assert!(refused(Options::new("not a url")).contains("give an address"));
    assert!(refused(Options::new("http://h").token("a\nb")).contains("the token"));
    assert!(refused(Options::new("http://h").writer("")).contains("1 to 90 characters"));
    let durability = herdbook_client::Durability::Disk;
    assert!(refused(Options::new("http://h").durability(durability)).contains("name its folder"));
    assert!(refused(Options::new("http://h").spool("/proc/none")).contains("/proc/none"));
    let client = Client::connect(Options::new("http://127.0.0.1:1")).unwrap();
    assert!(
        client
            .run("7")
            .unwrap_err()
            .to_string()
            .contains("32 hexadecimal digits")
    );
}

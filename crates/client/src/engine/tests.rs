use herdbook_core::RunId;
use tonic::{service::interceptor::InterceptedService, transport::Endpoint};

use super::*;
use crate::{Credentials, Reply, gathering::BATCH_POINTS};

/// A thread's state with one run, and no server to reach.
fn engine(durability: Durability, folder: Option<Folder>) -> (Engine, Arc<Lane>) {
    let shared = Arc::new(Shared::new(64 << 20));
    let channel = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let connection = InterceptedService::new(channel, Credentials::new(None, None).unwrap());
    let mut engine = Engine::new(
        shared.clone(),
        connection,
        None,
        folder,
        1 << 30,
        durability,
        false,
    );
    let lane = Arc::new(Lane::new(RunId::generate(), shared));
    let opening = OpenWriter {
        run_id: lane.run.to_string(),
        writer_id: "host-1".to_owned(),
        ..Default::default()
    };
    engine.obey(Command::Open(lane.clone(), opening, false));
    (engine, lane)
}

fn log(lane: &Lane, points: usize) {
    for _ in 0..points {
        lane.log(0, 0, &[("loss", 1.0)]).unwrap();
    }
}

#[tokio::test]
async fn points_gather_on_behind_a_backlog_until_a_flush_wants_them() {
    let (mut engine, lane) = engine(Durability::Memory, None);
    let full = BATCH_POINTS * BATCHES_WAITING;
    log(&lane, full + 10);
    engine.gather(Gather::Full);
    engine.gather(Gather::Ready);
    assert_eq!(engine.waiting(), (full as u64, 0));
    let (answer, _reply) = Reply::new();
    engine.obey(Command::Flush(lane, Instant::now(), answer));
    assert_eq!(engine.waiting(), (full as u64 + 10, 0));
}

#[tokio::test]
async fn with_a_durable_spool_all_that_is_gathered_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, lane) = engine(Durability::Disk, Folder::open(folder.path()).ok());
    log(&lane, 10);
    engine.gather(Gather::Ready);
    assert_eq!(engine.waiting(), (0, 10));
    assert!(
        engine.shared.used() > 0,
        "it is kept in memory too, to be sent"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_and_asked_again() {
    let (mut engine, lane) = engine(Durability::Memory, None);
    let (requests, mut sent) = mpsc::unbounded_channel();
    engine.link = Link::Up(requests);
    engine.advance();
    assert_eq!(engine.silent_at(), None, "there is nothing to answer");
    tokio::time::advance(SILENCE).await;
    log(&lane, 1);
    engine.gather(Gather::Ready);
    engine.advance();
    assert!(sent.try_recv().is_ok(), "the writer is opened");
    assert_eq!(engine.silent_at(), Some(Instant::now() + SILENCE));
    tokio::time::advance(SILENCE / 2).await;
    engine.advance();
    assert_eq!(engine.silent_at(), Some(Instant::now() + SILENCE / 2));
    engine.on_lost(&Status::deadline_exceeded("no answer"));
    assert!(matches!(engine.link, Link::Connecting(_)));
    assert_eq!((engine.silent_at(), engine.waiting()), (None, (1, 0)));
}

use std::sync::Arc;

use herdbook_core::RunId;
use proptest::prelude::*;

use super::*;
use crate::spool::{Folder, Left};

/// The server's side of the contract: each number once, in order.
#[derive(Default)]
struct Server {
    /// First step of each batch that was applied.
    applied: Vec<i64>,
    /// Batches on their way to it.
    arriving: VecDeque<(u64, i64)>,
}

impl Server {
    fn committed(&self) -> u64 {
        self.applied.len() as u64
    }

    /// Applies what arrived, up to `count` batches.
    fn apply(&mut self, count: usize) {
        for _ in 0..count.min(self.arriving.len()) {
            let (sequence, step) = self.arriving.pop_front().unwrap();
            assert!(sequence <= self.committed() + 1, "a gap before {sequence}");
            if sequence == self.committed() + 1 {
                self.applied.push(step);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Turn {
    Log,
    Send,
    Apply(usize),
    Acknowledge,
    Lose,
    Spill,
    Forget,
    /// The process ends; another takes over what is in the spool.
    Crash,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Log),
        4 => Just(Turn::Send),
        2 => (1_usize..4).prop_map(Turn::Apply),
        2 => Just(Turn::Acknowledge),
        1 => Just(Turn::Lose),
        2 => Just(Turn::Spill),
        1 => Just(Turn::Forget),
        1 => Just(Turn::Crash),
    ]
}

fn gathered(lane: &Lane, step: i64) -> Gathered {
    lane.log(step, 0, &[("loss", 1.0)]).unwrap();
    lane.take(true).pop_front().unwrap()
}

fn send(writer: &mut Writer, server: &mut Server) {
    if writer.standing == Standing::Closed {
        assert_eq!(
            writer.opened(server.committed()).unwrap(),
            0,
            "none is missing"
        );
    }
    match writer.send().unwrap() {
        Some(Sendable::Batch(batch)) => {
            let step = batch.tables[0].first_step;
            server.arriving.push_back((batch.sequence, step));
        }
        Some(Sendable::Damaged(_)) => panic!("nothing was damaged"),
        None => {}
    }
}

/// Goes through the turns. With a spool, every batch is in it before it is sent, and the process may
/// crash; the answer is the steps that have to be at the server, and those that are.
fn play(turns: &[Turn], durable: bool) -> (Vec<i64>, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(folder.path()).unwrap();
    let shared = Arc::new(Shared::new(1 << 20));
    let lane = Arc::new(Lane::new(RunId::generate(), shared.clone()));
    let opening = OpenWriter {
        run_id: lane.run.to_string(),
        writer_id: "host-1".to_owned(),
        ..Default::default()
    };
    let mut writer = Writer::new(lane.clone(), opening.clone());
    writer.spool = Some(folder.create(&opening).unwrap());
    let mut server = Server::default();
    let mut kept = Vec::new();
    let mut crashed = false;
    for (step, turn) in (0..).zip(turns) {
        match turn {
            // One that was taken over gets no more points.
            Turn::Log if !crashed => {
                writer.add(gathered(&lane, step));
                kept.push(step);
                if durable {
                    assert!(writer.spill(u64::MAX).unwrap());
                }
            }
            Turn::Log => {}
            Turn::Send => send(&mut writer, &mut server),
            Turn::Apply(count) => server.apply(*count),
            Turn::Acknowledge if writer.standing == Standing::Open => {
                writer.commit(server.committed()).unwrap();
            }
            Turn::Acknowledge => {}
            Turn::Lose => {
                server.arriving.clear();
                writer.lost();
            }
            Turn::Spill => assert!(writer.spill(u64::MAX).unwrap()),
            Turn::Forget => writer.forget(),
            Turn::Crash if durable => {
                server.arriving.clear();
                drop(writer);
                let Left {
                    spool,
                    writer: opening,
                    places,
                    damage,
                } = folder.left().unwrap().0.pop().unwrap();
                assert_eq!(damage, None);
                writer = Writer::left(lane.run, opening, spool, &places, shared.clone());
                crashed = true;
            }
            Turn::Crash => {}
        }
    }
    // As many as can be on their way and waiting.
    for _ in 0..=turns.len() * 2 {
        send(&mut writer, &mut server);
        server.apply(1);
        writer.commit(server.committed()).unwrap();
    }
    assert!(writer.is_done(), "{:?} wait", writer.waiting());
    if !crashed {
        assert_eq!(shared.used(), 0, "all memory is given back");
    }
    (kept, server.applied)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_batch_is_applied_once_and_in_order(turns in prop::collection::vec(turn(), 0..60), durable in any::<bool>()) {
        let (kept, applied) = play(&turns, durable);
        prop_assert_eq!(applied, kept);
    }
}

//! Whether what concurrent callers were told can be told by an object that does one call at a time.
//!
//! The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993), which never goes on
//! twice from the same calls done and the same state (Lowe, "Testing for Linearizability", 2017); Knossos and
//! porcupine do the same. A call whose answer was lost may have happened at any time after it was made, or not
//! at all.

use std::{collections::HashSet, fmt, hash::Hash};

/// Calls of a history: one bit each.
const CALLS: usize = 128;
/// States that are looked at before the search is given up, which fails.
const STATES: usize = 4_000_000;

/// What an object is after the calls so far.
pub trait Sequential: Clone + Eq + Hash {
    /// What is asked of it.
    type Call: fmt::Debug;
    /// What it says.
    type Answer: fmt::Debug;

    /// What it is after `call` was answered so, `None` if it cannot have been. Where the answer was lost, what
    /// it is if the call was done, `None` if that changes nothing.
    fn step(&self, call: &Self::Call, answer: Option<&Self::Answer>) -> Option<Self>;
}

/// A call of a history. Times are places in one order of all calls and answers.
#[derive(Debug, Clone)]
pub struct Event<C, A> {
    /// What was asked.
    pub call: C,
    /// When.
    pub called: u64,
    /// What was answered, and when it was heard; `None` if that was lost.
    pub answered: Option<(A, u64)>,
}

/// Why a history is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unexplained {
    /// No order of the calls explains the answers; these are the places of those that the longest attempt left.
    Impossible(Vec<usize>),
    /// The search was given up.
    TooHard,
}

/// Looks for an order of the calls that explains all answers, and in which a call stands before those that
/// were made after it was answered.
pub fn check<S: Sequential>(
    start: S,
    history: &[Event<S::Call, S::Answer>],
) -> Result<(), Unexplained> {
    assert!(history.len() <= CALLS, "{} calls", history.len());
    let bits = |wanted: fn(&Event<S::Call, S::Answer>) -> bool| {
        let places = history.iter().enumerate();
        let wanted = places.filter(|(_, event)| wanted(event));
        wanted.fold(0_u128, |bits, (place, _)| bits | 1 << place)
    };
    let answered = bits(|event| event.answered.is_some());
    // What was answered first is tried first, what was lost only where nothing else explains the rest.
    let mut order: Vec<usize> = (0..history.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(returned(&history[*place])));

    let (mut seen, mut most) = (HashSet::new(), 0);
    let mut waiting = vec![(0_u128, start)];
    while let Some((done, state)) = waiting.pop() {
        if done & answered == answered {
            return Ok(());
        }
        if (done & answered).count_ones() >= (most & answered).count_ones() {
            most = done;
        }
        let left = order.iter().filter(|place| done & 1 << **place == 0);
        let first = left.clone().map(|place| returned(&history[*place])).min();
        let next = left.filter(|place| Some(history[**place].called) < first);
        for place in next {
            let Event { call, answered, .. } = &history[*place];
            let answer = answered.as_ref().map(|(answer, _)| answer);
            let Some(after) = state.step(call, answer) else {
                continue;
            };
            let reached = (done | 1 << place, after);
            if seen.insert(reached.clone()) {
                waiting.push(reached);
            }
        }
        if seen.len() > STATES {
            return Err(Unexplained::TooHard);
        }
    }
    let left = (0..history.len()).filter(|place| (answered & !most) & 1 << place != 0);
    Err(Unexplained::Impossible(left.collect()))
}

/// When a call was over; never, if its answer was lost.
fn returned<C, A>(event: &Event<C, A>) -> u64 {
    event.answered.as_ref().map_or(u64::MAX, |(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that can be read and written.
    #[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
    struct Register(u8);

    #[derive(Debug)]
    enum Call {
        Write(u8),
        Read,
    }

    impl Sequential for Register {
        type Call = Call;
        /// What was read; what was written.
        type Answer = u8;

        fn step(&self, call: &Call, answer: Option<&u8>) -> Option<Self> {
            match (call, answer) {
                (Call::Write(value), _) => Some(Self(*value)),
                (Call::Read, Some(value)) => (self.0 == *value).then(|| self.clone()),
                (Call::Read, None) => None,
            }
        }
    }

    fn write(value: u8, called: u64, answered: Option<u64>) -> Event<Call, u8> {
        Event {
            call: Call::Write(value),
            called,
            answered: answered.map(|at| (value, at)),
        }
    }

    fn read(value: u8, called: u64, at: u64) -> Event<Call, u8> {
        Event {
            call: Call::Read,
            called,
            answered: Some((value, at)),
        }
    }

    fn explained(history: &[Event<Call, u8>]) -> bool {
        check(Register::default(), history).is_ok()
    }

    #[test]
    fn calls_at_once_may_have_been_done_in_any_order() {
        assert!(explained(&[
            write(1, 0, Some(5)),
            write(2, 1, Some(6)),
            read(2, 2, 3),
            read(1, 4, 7),
        ]));
        // The other order would have to hold at the same time.
        assert!(!explained(&[
            write(1, 0, Some(9)),
            write(2, 1, Some(10)),
            read(2, 2, 3),
            read(1, 4, 5),
            read(2, 6, 7),
        ]));
    }

    #[test]
    fn what_was_over_before_is_not_seen_after() {
        assert!(!explained(&[
            write(1, 0, Some(1)),
            write(2, 2, Some(3)),
            read(1, 4, 5)
        ]));
        assert!(!explained(&[write(1, 0, Some(1)), read(0, 2, 3)]));
        let stuck = check(
            Register::default(),
            &[write(1, 0, Some(1)), read(0, 2, 3), read(1, 4, 5)],
        );
        assert_eq!(stuck, Err(Unexplained::Impossible(vec![1, 2])));
    }

    #[test]
    fn what_was_lost_may_have_been_done_later_or_never_but_once() {
        assert!(explained(&[
            write(1, 0, None),
            read(0, 1, 2),
            read(1, 3, 4)
        ]));
        assert!(explained(&[write(1, 0, None), read(0, 1, 2)]));
        assert!(!explained(&[
            write(1, 0, None),
            read(1, 1, 2),
            write(2, 3, Some(4)),
            read(1, 5, 6),
        ]));
        // Not before it was called.
        assert!(!explained(&[read(1, 0, 1), write(1, 2, None)]));
    }
}

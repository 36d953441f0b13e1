//! The client's thread: takes points from the lanes, numbers and keeps them as batches, sends them on
//! one stream for all runs, and goes on where the server stands after each loss.

mod spooling;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{LogMetricsRequest, OpenWriter};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tonic::Status;

use crate::{
    ClientError, Connection, Durability, Event,
    batch::Dictionary,
    lane::{Lane, Shared},
    link::LinkEvent,
    options::Listener,
    reply::Answer,
    retry::Backoff,
    spool::Folder,
    writer::Writer,
};

/// How long points gather before they are sent, so that a step's calls travel together.
const LINGER: Duration = Duration::from_millis(2);
/// How long they gather on while enough batches wait.
const HOLD: Duration = Duration::from_millis(100);
/// How long the server may leave what was sent unanswered.
const SILENCE: Duration = Duration::from_secs(60);
/// Batches of a writer that wait, from which on points gather until a batch is full.
const BATCHES_WAITING: usize = 4;

/// What the handles ask of the thread.
pub(crate) enum Command {
    /// Takes points of another run; if that is yet to be made, sends none before.
    Open(Arc<Lane>, OpenWriter, bool),
    /// The run is made.
    Made(RunId),
    /// The run will not be made.
    Unmade(RunId, ClientError),
    /// Answers once all points of the lane are committed, or at the time.
    Flush(Arc<Lane>, Instant, Answer<()>),
    /// Ends once all is committed, or at the time.
    Close(Instant, Answer<Closed>),
}

/// How a client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Closed {
    /// Points that the server committed, those of earlier processes that were sent included.
    pub committed: u64,
    /// Points that wait in the spool, for a later process to send.
    pub in_spool: u64,
    /// Points that are lost: there was no room for them, or no spool to leave them in.
    pub lost: u64,
    /// Acts that were asked of runs besides points and are not done: they wait in journals, or are lost without a
    /// folder for those.
    pub acts_left: u64,
}

/// Which points are taken from the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gather {
    /// Batches that are full.
    Full,
    /// Those that are not full too, but for writers of which enough batches wait: theirs gather on.
    Ready,
    /// All there are.
    All,
}

/// The stream as the thread sees it.
enum Link {
    /// Nothing to send, so none.
    Idle,
    /// Under way.
    Connecting(mpsc::UnboundedSender<LogMetricsRequest>),
    /// Stands.
    Up(mpsc::UnboundedSender<LogMetricsRequest>),
}

pub(crate) struct Engine {
    shared: Arc<Shared>,
    connection: Connection,
    listener: Option<Listener>,
    folder: Option<Folder>,
    spool_bytes: u64,
    durability: Durability,
    offline: bool,
    writers: Vec<Writer>,
    /// By which a stream names the next writer.
    next_number: u32,
    link: Link,
    attempts: u64,
    backoff: Backoff,
    dictionary: Dictionary,
    events: mpsc::UnboundedSender<LinkEvent>,
    incoming: mpsc::UnboundedReceiver<LinkEvent>,
    gather_at: Option<Instant>,
    /// When the server last said something, or was first asked after it had said all.
    heard: Instant,
    closing: Option<(Instant, Answer<Closed>)>,
    /// Whether there was no room when the server was last asked.
    no_room: bool,
    /// Whether the user was told that the connection is lost, that points go to the spool, that the
    /// spool fails, and of how many points that are dropped.
    told_lost: bool,
    told_spilling: bool,
    told_failed: bool,
    told_dropped: u64,
    /// Points that were refused and could not be kept.
    lost: u64,
}

/// Tells an event to `tracing` and to whoever listens.
pub(crate) fn tell(listener: &Option<Listener>, event: &Event) {
    event.trace();
    if let Some(listener) = listener {
        listener(event);
    }
}

impl Engine {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: Connection,
        listener: Option<Listener>,
        folder: Option<Folder>,
        spool_bytes: u64,
        durability: Durability,
        offline: bool,
    ) -> Self {
        let (events, incoming) = mpsc::unbounded_channel();
        Self {
            shared,
            connection,
            listener,
            folder,
            spool_bytes,
            durability,
            offline,
            writers: Vec::new(),
            next_number: 1,
            link: Link::Idle,
            attempts: 0,
            backoff: Backoff::default(),
            dictionary: Dictionary::default(),
            events,
            incoming,
            gather_at: None,
            heard: Instant::now(),
            closing: None,
            no_room: false,
            told_lost: false,
            told_spilling: false,
            told_failed: false,
            told_dropped: 0,
            lost: 0,
        }
    }

    /// Works until it is told to close, and sends nothing of the runs that are yet to be made before they are; how it ended, by when, and who wants to know.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        unmade: &HashSet<RunId>,
    ) -> Option<(Instant, Closed, Answer<Closed>)> {
        self.take_over(unmade);
        let shared = self.shared.clone();
        loop {
            self.advance();
            let until = self.closing.as_ref().map(|(until, _)| *until);
            if let Some(until) = until
                && (self
                    .writers
                    .iter()
                    .all(|w| w.is_done() || w.refused.is_some())
                    || Instant::now() >= until)
            {
                break;
            }
            let late = self.writers.iter().filter_map(Writer::late_at).min();
            let silent = self.silent_at();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    // Every handle is gone without a word.
                    None => break,
                },
                Some(event) = self.incoming.recv() => self.on_link(event),
                () = shared.some.notified() => {
                    self.gather_at.get_or_insert(Instant::now() + LINGER);
                }
                () = shared.full.notified() => self.gather(Gather::Full),
                () = at(self.gather_at) => {
                    self.gather_at = None;
                    self.gather(Gather::Ready);
                }
                () = at(until) => {}
                () = at(silent) => {
                    let why = format!("no answer in {} s", SILENCE.as_secs());
                    self.on_lost(&Status::deadline_exceeded(why));
                }
                () = at(late) => {
                    let now = Instant::now();
                    self.writers.iter_mut().for_each(|writer| writer.tell_late(now));
                }
            }
        }
        let closed = self.end();
        let (until, answer) = self.closing?;
        Some((until, closed, answer))
    }

    fn tell(&self, event: &Event) {
        tell(&self.listener, event);
    }

    fn add(&mut self, mut writer: Writer) {
        writer.opening.writer = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        self.writers.push(writer);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open(lane, opening, held) => {
                let mut writer = Writer::new(lane, opening);
                writer.held = held;
                self.add(writer);
            }
            Command::Made(run) => {
                for writer in self.writers.iter_mut().filter(|writer| writer.run == run) {
                    writer.held = false;
                }
            }
            Command::Unmade(run, why) => {
                for index in 0..self.writers.len() {
                    if self
                        .writers
                        .get(index)
                        .is_some_and(|w| w.run == run && w.refused.is_none())
                    {
                        self.refuse(index, why.code(), &why.to_string());
                    }
                }
            }
            Command::Flush(lane, until, answer) => {
                self.gather(Gather::All);
                let of_lane =
                    |w: &&mut Writer| w.lane.as_ref().is_some_and(|own| Arc::ptr_eq(own, &lane));
                match self.writers.iter_mut().find(of_lane) {
                    Some(writer) => writer.flush(until, answer),
                    None => drop(answer),
                }
            }
            // A second wish to close waits for the first.
            Command::Close(..) if self.closing.is_some() => {}
            Command::Close(until, answer) => {
                for lane in self.writers.iter().filter_map(|w| w.lane.as_ref()) {
                    lane.close(ClientError::Closed);
                }
                self.gather(Gather::All);
                self.closing = Some((until, answer));
            }
        }
    }

    /// Takes points of all lanes.
    fn gather(&mut self, what: Gather) {
        let urgent = what == Gather::All
            || self.closing.is_some()
            || self.durability == Durability::Disk
            || (self.folder.is_some() && !self.shared.has_room());
        let mut held = false;
        for writer in &mut self.writers {
            let Some(lane) = writer.lane.clone() else {
                continue;
            };
            let room = urgent || writer.unsent() < BATCHES_WAITING;
            held |= !room;
            let refused = writer.refused.is_some();
            for gathered in lane.take(what != Gather::Full && room) {
                match refused {
                    true => self.shared.free(gathered.bytes),
                    false => writer.add(gathered),
                }
            }
        }
        if held || what == Gather::Full {
            // What is held back is taken when batches are acknowledged, or now and then in between.
            let wait = if held { HOLD } else { LINGER };
            self.gather_at.get_or_insert(Instant::now() + wait);
        }
        self.keep();
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        if dropped > self.told_dropped.saturating_mul(2) {
            self.told_dropped = dropped;
            self.tell(&Event::PointsDropped { points: dropped });
        }
    }

    /// Points that wait: in memory alone, and in the spool.
    fn waiting(&self) -> (u64, u64) {
        let each = self.writers.iter().map(Writer::waiting);
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Removes the writers of which nothing will come any more.
    fn retire(&mut self) {
        let ended = |writer: &Writer| {
            // A lane that only this thread holds gets no more points, and those it got are taken.
            let over = writer
                .lane
                .as_ref()
                .is_none_or(|lane| Arc::strong_count(lane) == 1);
            over && writer.is_done() && writer.refused.is_none()
        };
        let mut index = 0;
        while let Some(writer) = self.writers.get_mut(index) {
            if !ended(writer) {
                index += 1;
                continue;
            }
            if let Some(lane) = writer.lane.clone() {
                for gathered in lane.take(true) {
                    writer.add(gathered);
                }
                if !writer.is_done() {
                    index += 1;
                    continue;
                }
            }
            let writer = self.writers.swap_remove(index);
            self.remove_spool(writer);
        }
    }
}

/// Waits until a time, for ever without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

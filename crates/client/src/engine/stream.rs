//! The stream: what is sent on it, what comes back, and how it is lost.

use std::{sync::atomic::Ordering, time::Duration};

use herdbook_proto::tracking::v1::{
    LogMetricsRequest, WriterRefused, log_metrics_request::Message as Outgoing,
    log_metrics_response::Message as Incoming,
};
use tokio::{sync::mpsc, time::Instant};
use tonic::{Code, Status};

use super::{BATCHES_WAITING, Engine, Gather, Link, SILENCE};
use crate::{
    ClientError, Event,
    batch::Dictionary,
    link::{LinkEvent, attempt},
    retry::{QUOTA_EXCEEDED, Verdict, cause, verdict},
    writer::{Sendable, Standing, Writer},
};

/// Batches and bytes of one client on their way at once.
const BATCHES_IN_FLIGHT: usize = 64;
const BYTES_IN_FLIGHT: usize = 8 << 20;
/// Reasons of refusals that pass when somebody makes room.
const NO_ROOM: [&str; 2] = [QUOTA_EXCEEDED, "DATABASE_FULL"];

impl Engine {
    /// Lets go of writers that are done, and sends what may be sent.
    pub(super) fn advance(&mut self) {
        self.retire();
        if matches!(self.link, Link::Idle) && self.wants_stream() {
            self.connect(Duration::ZERO);
        }
        let Link::Up(requests) = &self.link else {
            return;
        };
        let requests = requests.clone();
        if self.silent_at().is_none() {
            self.heard = Instant::now();
        }
        let mut failures = Vec::new();
        let (mut batches, mut bytes) = (0, 0);
        for writer in &self.writers {
            let (own_batches, own_bytes) = writer.in_flight();
            batches += own_batches;
            bytes += own_bytes;
        }
        let mut idle = 0;
        let count = self.writers.len();
        // One batch of each in turn, so that no run waits behind another's backlog.
        for index in (0..count).cycle() {
            if idle >= count || batches >= BATCHES_IN_FLIGHT || bytes >= BYTES_IN_FLIGHT {
                break;
            }
            idle += 1;
            let Some(writer) = self.writers.get_mut(index) else {
                break;
            };
            if writer.held
                || writer.refused.is_some()
                || (writer.is_done() && writer.standing == Standing::Closed)
            {
                continue;
            }
            let number = writer.opening.writer;
            let message = match writer.standing {
                Standing::Opening => continue,
                Standing::Closed => {
                    writer.standing = Standing::Opening;
                    Outgoing::Open(writer.opening.clone())
                }
                Standing::Open => match writer.send() {
                    Ok(Some(Sendable::Batch(batch))) => {
                        Outgoing::Batch(self.dictionary.translate(&batch, number))
                    }
                    Ok(Some(Sendable::Damaged(empty))) => {
                        failures.push((index, "a batch cannot be read any more".to_owned()));
                        Outgoing::Batch(self.dictionary.translate(&empty, number))
                    }
                    Ok(None) => continue,
                    Err(error) => {
                        failures.push((index, error.to_string()));
                        continue;
                    }
                },
            };
            idle = 0;
            if let Outgoing::Batch(batch) = &message {
                batches += 1;
                bytes += batch
                    .tables
                    .iter()
                    .map(|table| table.values.len() * 8)
                    .sum::<usize>();
            }
            // A stream that just ended tells so itself.
            let _ = requests.send(LogMetricsRequest {
                message: Some(message),
            });
        }
        for (index, lost) in failures {
            let spool = self.writers.get(index).and_then(|w| w.spool.as_ref());
            if let Some(path) = spool.map(|spool| spool.path().to_owned()) {
                self.tell(&Event::SpoolDamaged { path, lost });
            }
        }
    }

    /// Until when the server has to say something, if it has anything to answer.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        let asked =
            |writer: &Writer| writer.standing == Standing::Opening || writer.in_flight().0 > 0;
        let waits = matches!(self.link, Link::Up(_)) && self.writers.iter().any(asked);
        waits.then(|| self.heard + SILENCE)
    }

    pub(super) fn wants_stream(&self) -> bool {
        let wants = |writer: &Writer| !writer.held && writer.refused.is_none() && !writer.is_done();
        !self.offline && self.writers.iter().any(wants)
    }

    pub(super) fn connect(&mut self, wait: Duration) {
        self.attempts += 1;
        let (requests, receiver) = mpsc::unbounded_channel();
        let (connection, events) = (self.connection.clone(), self.events.clone());
        tokio::spawn(attempt(self.attempts, wait, connection, receiver, events));
        self.dictionary = Dictionary::default();
        self.link = Link::Connecting(requests);
    }

    pub(super) fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(number) if number == self.attempts => {
                if let Link::Connecting(requests) = std::mem::replace(&mut self.link, Link::Idle) {
                    self.link = Link::Up(requests);
                }
            }
            LinkEvent::Answer(number, message) if number == self.attempts => {
                self.heard = Instant::now();
                self.on_answer(message);
            }
            LinkEvent::Lost(number, status) if number == self.attempts => self.on_lost(&status),
            // Of an attempt that was given up.
            LinkEvent::Up(_) | LinkEvent::Answer(..) | LinkEvent::Lost(..) => {}
        }
    }

    pub(super) fn on_answer(&mut self, message: Incoming) {
        let number = match &message {
            Incoming::Opened(opened) => opened.writer,
            Incoming::Committed(committed) => committed.writer,
            Incoming::Refused(refused) => refused.writer,
        };
        let Some(index) = self.writers.iter().position(|w| w.opening.writer == number) else {
            return;
        };
        let Some(writer) = self.writers.get_mut(index) else {
            return;
        };
        let run = writer.run;
        let (kept, stop) = match message {
            Incoming::Opened(opened) => (writer.opened(opened.sequence), opened.stop_requested),
            Incoming::Committed(committed) => {
                self.backoff.reset();
                self.shared.away.store(false, Ordering::Relaxed);
                self.no_room = false;
                let kept = writer.commit(committed.sequence).map(|()| 0);
                (kept, committed.stop_requested)
            }
            Incoming::Refused(refused) => return self.on_refused(index, refused),
        };
        let more = writer.unsent() < BATCHES_WAITING;
        let back = writer.standing == Standing::Open;
        let path = writer.spool.as_ref().map(|spool| spool.path().to_owned());
        let asked = stop
            && writer
                .lane
                .as_ref()
                .is_some_and(|lane| !lane.stop_requested.swap(true, Ordering::Relaxed));
        if back && !self.no_room && std::mem::take(&mut self.told_lost) {
            let (in_memory, in_spool) = self.waiting();
            let waiting = in_memory + in_spool;
            self.tell(&Event::Connected { waiting });
        }
        if asked {
            self.tell(&Event::StopRequested { run });
        }
        match (kept, path) {
            (Ok(0), _) => {}
            (Ok(batches), Some(path)) => {
                let lost = format!("{batches} batches of run {run} are missing");
                self.tell(&Event::SpoolDamaged { path, lost });
            }
            (Ok(batches), None) => self.tell(&Event::ServerLost { run, batches }),
            (Err(error), path) => {
                let problem = error.to_string();
                let path = path.unwrap_or_default();
                self.tell(&Event::SpoolFailed { path, problem });
            }
        }
        if self.told_spilling && self.shared.used() <= self.shared.limit / 8 {
            self.told_spilling = false;
        }
        if more && self.gather_at.is_some() {
            self.gather_at = Some(Instant::now());
        }
    }

    /// The server does not take a writer. What passes by itself is taken for a loss of the stream.
    pub(super) fn on_refused(&mut self, index: usize, refused: WriterRefused) {
        let code = Code::from_i32(refused.code);
        let gap = refused.reason == "SEQUENCE_GAP";
        if NO_ROOM.contains(&refused.reason.as_str()) {
            self.on_no_room(refused.message);
        } else if gap || verdict(code) != Verdict::Permanent {
            let code = if gap { Code::Unknown } else { code };
            self.on_lost(&Status::new(code, refused.message));
        } else {
            self.refuse(index, code, &refused.message);
        }
    }

    pub(super) fn refuse(&mut self, index: usize, code: Code, message: &str) {
        self.gather(Gather::All);
        let Some(writer) = self.writers.get_mut(index) else {
            return;
        };
        if self.folder.is_some() {
            writer.standing = Standing::Closed;
            self.spill();
        }
        let Some(writer) = self.writers.get_mut(index) else {
            return;
        };
        let (in_memory, in_spool) = writer.waiting();
        let message = message.to_owned();
        writer.refuse(ClientError::Refused {
            code,
            message: message.clone(),
        });
        let path = writer.spool.as_ref().map(|spool| spool.path().to_owned());
        let event = Event::Refused {
            run: writer.run,
            message,
            points: in_memory + in_spool,
            kept: path.filter(|_| in_memory == 0),
        };
        self.lost += in_memory;
        match writer.spool {
            Some(_) => writer.forget(),
            None => writer.abandon(),
        }
        self.tell(&event);
    }

    pub(super) fn on_lost(&mut self, status: &Status) {
        self.try_again(status, |reason, in_memory, in_spool| {
            Event::ConnectionLost {
                reason,
                in_memory,
                in_spool,
            }
        });
    }

    /// The workspace or the database is full: what waits is sent until it has room, however long that takes.
    fn on_no_room(&mut self, why: String) {
        self.no_room = true;
        self.try_again(&Status::unavailable(why), |reason, in_memory, in_spool| {
            Event::NoRoom {
                reason,
                in_memory,
                in_spool,
            }
        });
    }

    /// Gives the stream up and opens another one after a while, unless it will not pass; tells `event` of
    /// the reason and the points that wait, in memory and in the spool, if that was not told yet.
    fn try_again(&mut self, status: &Status, event: fn(String, u64, u64) -> Event) {
        self.link = Link::Idle;
        // Answers that are still on the way belong to the stream that is given up.
        self.attempts += 1;
        for writer in &mut self.writers {
            writer.lost();
        }
        let reason = cause(status);
        self.shared.away.store(!self.no_room, Ordering::Relaxed);
        match self.backoff.after(status.code()) {
            Some(wait) => {
                if self.wants_stream() {
                    self.connect(wait);
                }
            }
            None => {
                self.backoff.reset();
                for index in 0..self.writers.len() {
                    self.refuse(index, status.code(), &reason);
                }
                return;
            }
        }
        if !std::mem::replace(&mut self.told_lost, true) {
            let (in_memory, in_spool) = self.waiting();
            self.tell(&event(reason, in_memory, in_spool));
        }
    }
}

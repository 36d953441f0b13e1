//! Watching the log of a workspace: each change once and in order, from any revision on.
//!
//! One reader a process and workspace reads what is new and hands it to all who watch there ([`Feeds`]).
//! A [`Watcher`] takes from it what follows on what it saw last, and reads the rest from Postgres: what
//! came before it, and what it was too slow for. So a watcher holds a page of records at most, and nobody
//! waits for it.

mod feeds;
mod selector;
mod watcher;

use tokio::sync::watch;

pub(crate) use feeds::Feeds;
pub(crate) use selector::Selector;
pub(crate) use watcher::{Event, Watcher};

/// Says in this process that something was committed; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(watch::Sender<()>);

impl Default for Pulse {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Pulse {
    /// Says so.
    pub(crate) fn nudge(&self) {
        self.0.send_replace(());
    }

    /// Hears of what is committed from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

//! What the thread keeps in spools, takes over from them, and leaves in them.

use std::{collections::HashSet, sync::atomic::Ordering};

use herdbook_core::RunId;

use super::{Closed, Engine, Gather};
use crate::{
    ClientError, Durability, Event,
    spool::{Left, Spool},
    writer::Writer,
};

impl Engine {
    /// Takes over what earlier processes left.
    pub(super) fn take_over(&mut self, unmade: &HashSet<RunId>) {
        // What cannot be sent is left to those who can.
        let Some(folder) = self.folder.clone().filter(|_| !self.offline) else {
            return;
        };
        match folder.left() {
            Ok((left, unreadable)) => {
                for unreadable in unreadable {
                    self.tell(&Event::SpoolDamaged {
                        path: unreadable.path,
                        lost: unreadable.problem,
                    });
                }
                for left in left {
                    self.adopt(left, unmade);
                }
            }
            Err(error) => {
                let path = folder.path().to_owned();
                let lost = error.to_string();
                self.tell(&Event::SpoolDamaged { path, lost });
            }
        }
    }

    pub(super) fn adopt(&mut self, left: Left, unmade: &HashSet<RunId>) {
        let path = left.spool.path().to_owned();
        if let Some(lost) = left.damage {
            self.tell(&Event::SpoolDamaged {
                path: path.clone(),
                lost,
            });
        }
        let Ok(run) = left.writer.run_id.parse::<RunId>() else {
            let lost = "it names no run".to_owned();
            self.tell(&Event::SpoolDamaged { path, lost });
            return;
        };
        let shared = self.shared.clone();
        let mut writer = Writer::left(run, left.writer, left.spool, &left.places, shared);
        writer.held = unmade.contains(&run);
        let points = writer.waiting().1;
        if points > 0 {
            self.tell(&Event::SpoolFound { path, run, points });
        }
        self.add(writer);
    }

    /// Writes to the spool what has to be there.
    pub(super) fn keep(&mut self) {
        if self.folder.is_none() {
            return;
        }
        let short = !self.shared.has_room();
        if self.durability == Durability::Disk || short {
            self.spill();
        }
        if short {
            for writer in &mut self.writers {
                writer.forget();
            }
            let folder = self.folder.as_ref().map(|folder| folder.path().to_owned());
            if !self.told_spilling
                && let Some(folder) = folder
            {
                self.told_spilling = true;
                let points = self.waiting().1;
                self.tell(&Event::Spilling { folder, points });
            }
        }
    }

    pub(super) fn spill(&mut self) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let mut used: u64 = self
            .writers
            .iter()
            .filter_map(|w| w.spool.as_ref())
            .map(Spool::bytes)
            .sum();
        let mut failure = None;
        for writer in &mut self.writers {
            if writer.is_done() || writer.refused.is_some() {
                continue;
            }
            if writer.spool.is_none() {
                match folder.create(&writer.opening) {
                    Ok(spool) => writer.spool = Some(spool),
                    Err(error) => {
                        failure = Some((folder.path().to_owned(), error));
                        continue;
                    }
                }
            }
            let own = writer.spool.as_ref().map_or(0, Spool::bytes);
            let spilled = writer.spill(own + self.spool_bytes.saturating_sub(used));
            if let Some(spool) = &writer.spool {
                used += spool.bytes() - own;
                if let Err(error) = spilled {
                    failure = Some((spool.path().to_owned(), error));
                }
            }
        }
        match failure {
            None => self.told_failed = false,
            Some((path, error)) if !self.told_failed => {
                self.told_failed = true;
                let problem = error.to_string();
                self.tell(&Event::SpoolFailed { path, problem });
            }
            Some(_) => {}
        }
    }

    pub(super) fn remove_spool(&self, writer: Writer) {
        let (left, points) = (writer.lane.is_none(), writer.committed);
        let Some(spool) = writer.spool else {
            return;
        };
        let path = spool.path().to_owned();
        match spool.remove() {
            Ok(()) if left && points > 0 => self.tell(&Event::SpoolReplayed { path, points }),
            Ok(()) => {}
            Err(error) => {
                let problem = error.to_string();
                self.tell(&Event::SpoolFailed { path, problem });
            }
        }
    }

    /// Leaves what the server does not have in the spool, and says how it ended.
    pub(super) fn end(&mut self) -> Closed {
        self.gather(Gather::All);
        self.retire();
        if self.folder.is_some() {
            self.spill();
        }
        let mut closed = Closed {
            committed: self.shared.committed.load(Ordering::Relaxed),
            lost: self.shared.dropped.load(Ordering::Relaxed) + self.lost,
            ..Closed::default()
        };
        let mut writers = std::mem::take(&mut self.writers);
        for mut writer in writers.drain(..) {
            let (in_memory, in_spool) = writer.waiting();
            closed.in_spool += in_spool;
            if writer.refused.is_none() {
                closed.lost += in_memory;
            }
            let synced = writer.spool.as_ref().map(Spool::sync);
            if let Some(Err(error)) = synced {
                let path = writer.spool.as_ref().map(|spool| spool.path().to_owned());
                let problem = error.to_string();
                let path = path.unwrap_or_default();
                self.tell(&Event::SpoolFailed { path, problem });
            }
            writer.abandon();
            if in_memory + in_spool == 0 {
                self.remove_spool(writer);
            } else {
                writer.refuse(ClientError::Closed);
            }
        }
        let (lost, in_spool) = (closed.lost, closed.in_spool);
        if lost + in_spool > 0 {
            self.tell(&Event::Left { lost, in_spool });
        }
        closed
    }
}

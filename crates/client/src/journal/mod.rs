//! The journal: what is asked of one run besides its points, in a file, until the server has done it.
//!
//! It lies in the folder of spools under the same rules: appended to by the process that made it, taken over by
//! another after that one's end, kept apart by a lock. Its records are those of spools: one for each act, one when
//! the server has done it, and one when its process ended in order. Doing an act twice is the same as doing it once,
//! so a process that dies between the answer and the record costs nothing.

mod act;
mod folder;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use herdbook_core::limits::MESSAGE_BYTES;
use prost::Message as _;

use crate::spool::record;

pub(crate) use act::{Act, Entry, Start, Upload};
pub(crate) use folder::Left;

/// What a record says, where a spool's says how many points it has.
const ASKED: u32 = 0;
const DONE: u32 = 1;
const ENDED: u32 = 2;

/// A journal that this process holds.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    lock_path: PathBuf,
    file: File,
    /// Held until the journal is dropped.
    _lock: File,
    /// Number of the next act.
    next: u64,
}

impl Journal {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an act; its number. Nothing is appended if the server would not take it as a message.
    pub(crate) fn append(&mut self, act: &Act) -> io::Result<u64> {
        let entry = Entry {
            act: Some(act.clone()),
        };
        let content = entry.encode_to_vec();
        if content.len() > MESSAGE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is larger than a message may be",
            ));
        }
        let number = self.next;
        self.file
            .write_all(&record::write(number, ASKED, &content))?;
        self.next += 1;
        Ok(number)
    }

    /// The server has done the act, or never will.
    pub(crate) fn done(&mut self, number: u64) -> io::Result<()> {
        self.file.write_all(&record::write(number, DONE, &[]))
    }

    /// Its process ends in order: whoever takes it over has to do what is left, and nothing else.
    pub(crate) fn ended(&mut self) -> io::Result<()> {
        self.file.write_all(&record::write(0, ENDED, &[]))?;
        self.file.sync_data()
    }

    /// Deletes the journal, of which nothing is left to be done.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        fs::remove_file(&self.lock_path)
    }
}

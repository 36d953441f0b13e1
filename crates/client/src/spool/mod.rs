//! The spool: batches of one writer in a file, for as long as the server has not committed them.
//!
//! A file is appended to by the process that made it, and after that process's end read by another, which
//! goes on as the same writer under the same numbers: the server's last committed number decides what
//! is sent, so that nothing is lost and nothing counts twice. A lock on a file beside it keeps
//! processes apart; the system lets go of it however a process ends.

mod folder;
pub(crate) mod record;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use herdbook_proto::tracking::v1::{MetricBatch, OpenWriter};
use prost::Message as _;

pub(crate) use folder::{Folder, Left, Unreadable, lock};
pub(crate) use record::Place;

/// Bytes of committed batches from which on a file is written anew without them.
const COMPACT_FROM: u64 = 16 << 20;

/// A spool that this process holds.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    lock_path: PathBuf,
    file: File,
    /// Held until the spool is dropped.
    _lock: File,
    /// Record 0.
    opening: Vec<u8>,
    /// Where the first batch that is still wanted stands.
    start: u64,
    end: u64,
}

impl Spool {
    /// Makes the spool of a writer; `lock` is locked.
    fn create(
        path: PathBuf,
        lock_path: PathBuf,
        lock: File,
        writer: &OpenWriter,
    ) -> io::Result<Self> {
        let opening = record::write(0, 0, &writer.encode_to_vec());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        file.write_all(&opening)?;
        let end = opening.len() as u64;
        Ok(Self {
            path,
            lock_path,
            file,
            _lock: lock,
            opening,
            start: end,
            end,
        })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends a batch; after a failure the file is as it was.
    pub(crate) fn append(&mut self, batch: &MetricBatch, points: u32) -> io::Result<Place> {
        let record = record::write(batch.sequence, points, &batch.encode_to_vec());
        let offset = self.end;
        let written = self
            .file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.write_all(&record));
        if let Err(error) = written {
            // What stands behind the end is trimmed by the next reader if it cannot be now.
            let _ = self.file.set_len(offset);
            return Err(error);
        }
        self.end += record.len() as u64;
        Ok(Place {
            offset,
            bytes: record.len() as u64,
            sequence: batch.sequence,
            points,
        })
    }

    /// The batch at `place`; `None` if it is damaged.
    pub(crate) fn read(&mut self, place: &Place) -> io::Result<Option<MetricBatch>> {
        let found = record::read(&mut self.file, place.offset)?;
        let content = found.filter(|(found, _)| found == place);
        Ok(content.and_then(|(_, content)| MetricBatch::decode(content.as_slice()).ok()))
    }

    /// Lets go of all before `first`, or of all if that is `None`. The answer is by how many bytes
    /// the places of those that are left move to the front.
    pub(crate) fn release(&mut self, first: Option<&Place>) -> io::Result<u64> {
        let opening = self.opening.len() as u64;
        self.start = first.map_or(self.end, |place| place.offset);
        let dead = self.start - opening;
        let live = self.end - self.start;
        if dead == 0 || (live > 0 && (dead < COMPACT_FROM || dead < live)) {
            return Ok(0);
        }
        if live == 0 {
            self.file.set_len(opening)?;
        } else {
            self.rewrite()?;
        }
        self.end -= dead;
        self.start = opening;
        Ok(dead)
    }

    /// Replaces the file by one without the batches that nobody wants.
    fn rewrite(&mut self) -> io::Result<()> {
        let new_path = self.path.with_extension("new");
        let mut new = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new_path)?;
        new.write_all(&self.opening)?;
        self.file.seek(SeekFrom::Start(self.start))?;
        io::copy(&mut self.file, &mut new)?;
        fs::rename(&new_path, &self.path)?;
        self.file = new;
        Ok(())
    }

    /// Waits until all is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Deletes the spool, all of which the server has.
    pub(crate) fn remove(self) -> io::Result<()> {
        // The lock's file last: who sees it without a spool knows that there is nothing to do.
        fs::remove_file(&self.path)?;
        fs::remove_file(&self.lock_path)
    }
}

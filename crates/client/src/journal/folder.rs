//! Journals in the folder of spools: those that are made, and those that ended processes left.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use herdbook_core::RunId;
use prost::Message as _;
use uuid::Uuid;

use super::{ASKED, Act, DONE, ENDED, Entry, Journal};
use crate::spool::{Folder, Unreadable, lock, record};

/// How the file of a journal ends.
const EXTENSION: &str = "journal";

/// What an ended process left to be done.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) run: RunId,
    pub(crate) journal: Journal,
    /// What the server has not done, in order, by number.
    pub(crate) acts: Vec<(u64, Act)>,
    /// When its process last wrote to it, if it ended without a word and the run it had started without an end.
    pub(crate) broken_off: Option<SystemTime>,
    /// What cannot be read any more, if anything.
    pub(crate) damage: Option<String>,
}

impl Folder {
    /// Makes a journal for a run.
    pub(crate) fn create_journal(&self, run: RunId) -> io::Result<Journal> {
        let instance = Uuid::now_v7().simple();
        let path = self.path().join(format!("{run}-{instance}.{EXTENSION}"));
        let lock_path = path.with_extension("lock");
        let lock = lock(&lock_path)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::ResourceBusy, "another process holds it")
        })?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)?;
        Ok(Journal {
            path,
            lock_path,
            file,
            _lock: lock,
            next: 1,
        })
    }

    /// Takes over the journals of processes that ended, oldest first.
    pub(crate) fn left_journals(&self) -> io::Result<(Vec<Left>, Vec<Unreadable>)> {
        let (mut left, mut unreadable) = (Vec::new(), Vec::new());
        for path in self.files(EXTENSION)? {
            match take_over(&path) {
                Ok(found) => left.extend(found),
                Err(error) => unreadable.push(Unreadable {
                    path,
                    problem: error.to_string(),
                }),
            }
        }
        Ok((left, unreadable))
    }

    /// Copies a file that is to be sent, so that it may change or go; where the copy lies.
    pub(crate) fn copy(&self, run: RunId, file: &Path) -> io::Result<PathBuf> {
        let copy = self
            .path()
            .join(format!("{run}-{}.file", Uuid::now_v7().simple()));
        match fs::copy(file, &copy) {
            Ok(_) => Ok(copy),
            Err(error) => {
                // Half a copy is of no use; that it cannot be removed changes nothing.
                let _ = fs::remove_file(&copy);
                Err(error)
            }
        }
    }
}

/// Opens a journal that nobody holds and looks through it; `None` if somebody does, or if it is gone or of no use.
fn take_over(path: &Path) -> io::Result<Option<Left>> {
    let lock_path = path.with_extension("lock");
    let Some(lock) = lock(&lock_path)? else {
        return Ok(None);
    };
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::remove_file(&lock_path)?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let written_at = file.metadata()?.modified()?;
    let (mut acts, mut end, mut skipped, mut next) = (Vec::new(), 0, 0, 1);
    let (mut starts, mut ends) = (false, false);
    while let Some((place, content)) = record::find(&mut file, end)? {
        skipped += place.offset - end;
        end = place.end();
        match place.points {
            ASKED => {
                next = place.sequence + 1;
                if let Some(act) = Entry::decode(content.as_slice())
                    .ok()
                    .and_then(|entry| entry.act)
                {
                    starts |= matches!(&act, Act::Start(start) if !start.joined);
                    ends |= act.ends();
                    acts.push((place.sequence, act));
                }
            }
            DONE => acts.retain(|(number, _)| *number != place.sequence),
            ENDED => ends = true,
            _ => {}
        }
    }
    // A record that was cut short.
    file.set_len(end)?;
    let name = path.file_stem().map(|name| name.to_string_lossy());
    let run = name.and_then(|name| name.split('-').next().and_then(|run| run.parse().ok()));
    let run = run.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "its name does not name a run; the file is kept",
        )
    })?;
    let journal = Journal {
        path: path.to_owned(),
        lock_path,
        file,
        _lock: lock,
        next,
    };
    let broken_off = (starts && !ends).then_some(written_at);
    if acts.is_empty() && broken_off.is_none() {
        journal.remove()?;
        return Ok(None);
    }
    Ok(Some(Left {
        run,
        journal,
        acts,
        broken_off,
        damage: (skipped > 0).then(|| format!("{skipped} bytes in its midst cannot be read")),
    }))
}

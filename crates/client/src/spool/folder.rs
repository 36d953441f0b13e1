//! The folder of spools: one for each writer that needs one, and those that ended processes left.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use herdbook_proto::tracking::v1::OpenWriter;
use prost::Message as _;

use super::{Spool, record, record::Place};

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

/// What an ended process left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) spool: Spool,
    /// Who wrote it.
    pub(crate) writer: OpenWriter,
    /// Its batches, in the order of their sequence.
    pub(crate) places: Vec<Place>,
    /// What cannot be read any more, if anything.
    pub(crate) damage: Option<String>,
}

/// A file that cannot be taken over.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

impl Folder {
    /// Makes the folder if it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the spool of a writer, whose id is its own in the folder.
    pub(crate) fn create(&self, writer: &OpenWriter) -> io::Result<Spool> {
        let instance = writer.writer_id.rsplit('-').next().unwrap_or_default();
        let path = self.0.join(format!("{}-{instance}.spool", writer.run_id));
        let lock_path = path.with_extension("lock");
        let lock = lock(&lock_path)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::ResourceBusy, "another process holds it")
        })?;
        Spool::create(path, lock_path, lock, writer)
    }

    /// Takes over the spools of processes that ended, oldest first.
    pub(crate) fn left(&self) -> io::Result<(Vec<Left>, Vec<Unreadable>)> {
        let (mut left, mut unreadable) = (Vec::new(), Vec::new());
        for path in self.files("spool")? {
            match take_over(&path) {
                Ok(found) => left.extend(found),
                Err(problem) => unreadable.push(Unreadable {
                    path,
                    problem: problem.to_string(),
                }),
            }
        }
        Ok((left, unreadable))
    }

    /// The files in it whose names end so, oldest first.
    pub(crate) fn files(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|own| own == extension) {
                paths.push(path);
            }
        }
        // The name ends with a number that grows with time.
        paths.sort_by_key(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            name.and_then(|name| name.rsplit('-').next().map(str::to_owned))
        });
        Ok(paths)
    }
}

/// Locks the file at `path`; `None` if another process has it.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a spool that nobody holds and looks through it; `None` if somebody does, or if it is gone or
/// empty. A record that was cut short at the end is trimmed.
fn take_over(path: &Path) -> io::Result<Option<Left>> {
    let lock_path = path.with_extension("lock");
    let Some(lock) = lock(&lock_path)? else {
        return Ok(None);
    };
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::remove_file(&lock_path)?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let opening = record::read(&mut file, 0)?.filter(|(place, _)| place.sequence == 0);
    let writer = opening
        .as_ref()
        .and_then(|(_, content)| OpenWriter::decode(content.as_slice()).ok());
    let (Some((opening, content)), Some(writer)) = (opening, writer) else {
        if record::find(&mut file, 0)?.is_none() && length < 1_024 {
            // Its process ended while it made the file: no batch was in it.
            fs::remove_file(path)?;
            fs::remove_file(&lock_path)?;
            return Ok(None);
        }
        let problem =
            "its beginning, which says whose points it has, cannot be read; the file is kept";
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    };
    let mut places: Vec<Place> = Vec::new();
    let (mut end, mut skipped, mut last) = (opening.end(), 0, 0);
    while let Some((place, _)) = record::find(&mut file, end)? {
        skipped += place.offset - end;
        end = place.end();
        if place.sequence > last {
            last = place.sequence;
            places.push(place);
        }
    }
    file.set_len(end)?;
    let damage = (skipped > 0).then(|| format!("{skipped} bytes in its midst cannot be read"));
    let opening = record::write(0, 0, &content);
    let spool = Spool {
        path: path.to_owned(),
        lock_path,
        file,
        _lock: lock,
        start: opening.len() as u64,
        opening,
        end,
    };
    Ok(Some(Left {
        spool,
        writer,
        places,
        damage,
    }))
}

//! The folder that holds everything of an installation, open to one process at a time.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::{EmbeddedError, unusable};

/// Where data goes unless `--data-dir` says otherwise: `/var/lib/herdbook` as root (a Postgres that
/// dropped root cannot enter `/root`), `$XDG_DATA_HOME/herdbook` or `~/.local/share/herdbook`
/// otherwise.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/herdbook");
    }
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(env::temp_dir)
        .join("herdbook")
}

/// A data directory that this process alone uses until it ends, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the lock: the kernel frees it with the process.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if needed and takes it for this process.
    pub fn open(path: &Path) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(path).map_err(|error| unusable(path, "it cannot be made", &error))?;
        let path = path
            .canonicalize()
            .map_err(|error| unusable(path, "it cannot be entered", &error))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("herdbook.lock"))
            .map_err(|error| unusable(&path, "it cannot be written to", &error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let read = lock.read_to_string(&mut pid);
            let pid = read
                .ok()
                .map(|_| pid.trim().to_owned())
                .filter(|pid| !pid.is_empty());
            return Err(EmbeddedError::InUse {
                path,
                pid: pid.unwrap_or_else(|| "unknown".into()),
            });
        }
        note_pid(&mut lock).map_err(|error| unusable(&path, "it cannot be written to", &error))?;
        Ok(Self { path, _lock: lock })
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn note_pid(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

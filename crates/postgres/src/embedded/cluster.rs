//! The files of the cluster: made once, found again, never half made.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::{DataDir, EmbeddedError, Installation, ROLE, owner::Owner, unusable};

/// Longest path of a unix socket that every system takes (104 bytes on macOS, 108 on Linux, with a
/// NUL at the end).
const SOCKET_PATH_BYTES: usize = 103;
/// Name of the socket in its folder; the port is but a part of it.
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// A cluster that is ready to be started.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) installation: Installation,
    pub(super) owner: Owner,
    data: PathBuf,
    socket_dir: PathBuf,
}

impl Cluster {
    /// Finds the cluster in `data_dir`, or makes it.
    pub(super) async fn prepare(data_dir: &DataDir) -> Result<Self, EmbeddedError> {
        let owner = Owner::find()?;
        let data = data_dir.path().join("postgres");
        let installation = Installation::find(recorded_major(&data), data_dir.path())?;
        owner.check_reach(data_dir.path()).await?;
        let socket_dir = socket_dir(data_dir.path());
        owner.make_folder(&socket_dir)?;
        let cluster = Self {
            installation,
            owner,
            data,
            socket_dir,
        };
        if recorded_major(&cluster.data).is_none() {
            cluster.initialise().await?;
        }
        Ok(cluster)
    }

    /// The folder of the cluster's files.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// The folder of the socket; private, so that who can enter it is who may connect.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The file by which a server keeps others off its socket.
    pub(super) fn socket_lock(&self) -> PathBuf {
        self.socket_dir.join(format!("{SOCKET_NAME}.lock"))
    }

    /// Runs `initdb` beside the final place and renames when all is on disk: a cluster is whole or
    /// not there.
    async fn initialise(&self) -> Result<(), EmbeddedError> {
        let making = self.data.with_extension("making");
        for leftover in [&making, &self.data] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)
                    .map_err(|error| unusable(leftover, "it cannot be cleared", &error))?;
            }
        }
        self.owner.make_folder(&making)?;
        let mut initdb = Command::new(self.installation.program("initdb"));
        initdb
            .arg("--pgdata")
            .arg(&making)
            .args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8"])
            // Bytes decide the order, the same on every machine, so that no index depends on a libc.
            .args(["--lc-collate", "C", "--lc-ctype", ctype()])
            .args(["--no-instructions", "--no-sync"])
            .current_dir("/");
        self.owner.apply(initdb.as_std_mut());
        let output = initdb
            .output()
            .await
            .map_err(|error| EmbeddedError::Program {
                program: "initdb",
                output: error.to_string(),
            })?;
        if !output.status.success() {
            return Err(EmbeddedError::Program {
                program: "initdb",
                output: last_lines(&String::from_utf8_lossy(&output.stderr)),
            });
        }
        let finish = || {
            sync_tree(&making)?;
            fs::rename(&making, &self.data)?;
            fs::File::open(self.data.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        finish().map_err(|error| unusable(&self.data, "it cannot be written", &error))
    }
}

/// A locale that knows upper and lower case beyond ASCII.
fn ctype() -> &'static str {
    if cfg!(target_os = "macos") {
        "en_US.UTF-8"
    } else {
        "C.UTF-8"
    }
}

/// Flushes every file and folder below `folder` to disk.
fn sync_tree(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else if entry.file_type()?.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    fs::File::open(folder)?.sync_all()
}

/// The major version that wrote the cluster, if there is one.
fn recorded_major(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// `run/` in the data directory; where that is too long for a socket, a folder of the same data
/// directory's own among the temporary ones.
fn socket_dir(data_dir: &Path) -> PathBuf {
    let beside = data_dir.join("run");
    if beside.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_BYTES {
        return beside;
    }
    // FNV-1a, 64 bit: the same folder at each start.
    let hash = data_dir
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    PathBuf::from(format!(
        "/tmp/herdbook-{}-{hash:016x}",
        rustix::process::geteuid().as_raw()
    ))
}

/// The end of what a program printed, on one line.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_directory_gets_a_short_socket() {
        let short = Path::new("/var/lib/herdbook");
        assert_eq!(socket_dir(short), short.join("run"));
        let long = PathBuf::from(format!("/{}", "d".repeat(120)));
        let socket = socket_dir(&long).join(SOCKET_NAME);
        assert!(socket.as_os_str().len() <= SOCKET_PATH_BYTES);
        assert_eq!(socket_dir(&long), socket_dir(&long));
    }
}

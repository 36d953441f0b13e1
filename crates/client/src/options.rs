//! How a client reaches its server and what it may take.

use std::{env, fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::Event;

/// When points are written to the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When memory is short, and what is left at the end: a killed process loses what it had in memory.
    #[default]
    Memory,
    /// Always, before they are sent: a killed process loses the last milliseconds at most. The files
    /// are in the system's hands, not flushed to the disk one by one: a power failure may cost more.
    Disk,
}

/// Hears what the client does.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Options of [`Client::connect`](crate::Client::connect).
#[derive(Clone)]
pub struct Options {
    pub(crate) server: String,
    pub(crate) token: Option<String>,
    pub(crate) workspace: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) offline: bool,
    pub(crate) writer: Option<String>,
    pub(crate) memory: usize,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) spool_bytes: u64,
    pub(crate) durability: Durability,
    pub(crate) patience: Duration,
    pub(crate) listener: Option<Listener>,
}

impl Options {
    /// Options for the server at `server`, such as `http://127.0.0.1:5757`.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            token: None,
            workspace: None,
            ca_file: None,
            offline: false,
            writer: None,
            memory: 64 << 20,
            spool: None,
            spool_bytes: 1 << 30,
            durability: Durability::default(),
            patience: Duration::from_secs(30),
            listener: None,
        }
    }

    /// Options from `HERDBOOK_URL`, `HERDBOOK_TOKEN`, `HERDBOOK_WORKSPACE` and `HERDBOOK_CA_FILE`; without the first for
    /// `http://127.0.0.1:5757`.
    #[must_use]
    pub fn from_env() -> Self {
        let read = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let server = read("HERDBOOK_URL").unwrap_or_else(|| "http://127.0.0.1:5757".to_owned());
        Self {
            token: read("HERDBOOK_TOKEN"),
            workspace: read("HERDBOOK_WORKSPACE"),
            ca_file: read("HERDBOOK_CA_FILE").map(PathBuf::from),
            ..Self::new(server)
        }
    }

    /// The token to call with, such as `hbk_…`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The workspace to work in; that of the token if not named.
    #[must_use]
    pub fn workspace(mut self, workspace: impl Into<String>) -> Self {
        self.workspace = Some(workspace.into());
        self
    }

    /// A file of certificates (PEM) by one of which an `https://` server must be signed; the system's if not named.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Sends nothing: all that is logged stays in the [spool](Self::spool) for a later process to send.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// The name by which the server knows who writes, such as `worker-3`; the host's if not named.
    /// Each process adds a number of its own, so that two with one name do not disturb each other.
    #[must_use]
    pub fn writer(mut self, name: impl Into<String>) -> Self {
        self.writer = Some(name.into());
        self
    }

    /// Bytes of points that may wait in memory, 8 a value and 16 a row; 64 MiB if not given.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The folder for points that do not fit in memory, and for all else that is asked of runs until it is done;
    /// made if it is missing. What an earlier process left there is sent first.
    #[must_use]
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = Some(folder.into());
        self
    }

    /// Bytes of this client's spools at most; 1 GiB if not given.
    #[must_use]
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.spool_bytes = bytes;
        self
    }

    /// When points are written to the spool.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long the creation of a run is tried again while the server is away, and how long a flush and
    /// a client that is dropped wait for what is left; 30 seconds if not given.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Calls `listener` with all that the client does by itself, from a thread of the client.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }
}

/// Where the spools of a user are by default: `herdbook/spool` in `$XDG_DATA_HOME`, or in `~/.local/share`. `None` if
/// the system names neither that nor a home.
#[must_use]
pub fn default_spool() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let data =
        absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("herdbook").join("spool"))
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token: options are logged.
        f.debug_struct("Options")
            .field("server", &self.server)
            .field("workspace", &self.workspace)
            .field("ca_file", &self.ca_file)
            .field("offline", &self.offline)
            .field("writer", &self.writer)
            .field("memory", &self.memory)
            .field("spool", &self.spool)
            .field("spool_bytes", &self.spool_bytes)
            .field("durability", &self.durability)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

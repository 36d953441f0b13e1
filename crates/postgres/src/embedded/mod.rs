//! The embedded default: a private Postgres cluster that runs as a child of this process.
//!
//! It lives below the data directory, listens on a unix socket only, and ends with us. A start
//! survives whatever came before it: a killed Herdbook that left its postmaster behind, a machine
//! that lost power, an initialisation that was cut short. A Postgres that Herdbook did not start is
//! never touched.

mod cluster;
mod data_dir;
mod install;
mod owner;
mod postmaster;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use data_dir::{DataDir, default_data_dir};
pub use install::Installation;
pub use owner::Owner;

use crate::{ConnectError, Database, database};
use cluster::Cluster;
use postmaster::Postmaster;

/// The role that owns everything in the cluster.
const ROLE: &str = "herdbook";
/// Patience with a Postgres that replays its log after a crash.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// Why the embedded Postgres did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No Postgres on this machine.
    #[error(
        "no PostgreSQL server (14 or newer) was found on this machine; install one (Debian and Ubuntu: \
         apt-get install postgresql; macOS: brew install postgresql@17), name its folder in \
         HERDBOOK_POSTGRES_BIN, or give a running server with --database-url"
    )]
    NotInstalled,
    /// The cluster was made by another major version than those installed.
    #[error(
        "the data in {data_dir} was written by PostgreSQL {wanted}, but only {installed} is installed; \
         install it again (Debian and Ubuntu: apt-get install postgresql-{wanted}; macOS: brew install \
         postgresql@{wanted})"
    )]
    OtherMajor {
        /// The data directory.
        data_dir: PathBuf,
        /// Major version that wrote the data.
        wanted: u32,
        /// Major versions that were found.
        installed: String,
    },
    /// The data directory cannot be used.
    #[error("the data directory {path} cannot be used: {reason}")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Another Herdbook has it open.
    #[error(
        "another Herdbook (process {pid}) is using the data directory {path}; stop it first, or give \
         this one another --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Process id of the other.
        pid: String,
    },
    /// Running as root without an account to run Postgres as.
    #[error(
        "PostgreSQL must not run as root, and neither the account postgres nor nobody exists; create one"
    )]
    NoAccount,
    /// A program of Postgres failed.
    #[error("{program} failed: {output}")]
    Program {
        /// The program.
        program: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// It started but does not let us in.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A running private cluster. [`EmbeddedPostgres::stop`] ends it; dropping it leaves the postmaster
/// to the next start.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    options: PgConnectOptions,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
}

impl EmbeddedPostgres {
    /// Starts the cluster in `data_dir`, making it first if there is none. A postmaster that dies
    /// from now on is started again.
    pub async fn start(data_dir: &DataDir) -> Result<Self, EmbeddedError> {
        let cluster = Cluster::prepare(data_dir).await?;
        let postmaster = Postmaster::start(&cluster, START_PATIENCE).await?;
        let options = PgConnectOptions::new_without_pgpass()
            .socket(cluster.socket_dir())
            .username(ROLE)
            .database("herdbook");
        database::ensure_exists(
            &options,
            "herdbook",
            "CREATE DATABASE herdbook",
            START_PATIENCE,
        )
        .await?;
        let stop = CancellationToken::new();
        let supervisor = tokio::spawn(postmaster.supervise(cluster, stop.clone()));
        Ok(Self {
            options,
            stop,
            supervisor,
        })
    }

    /// A pool on the cluster.
    pub async fn database(&self, application: &str) -> Result<Database, ConnectError> {
        Database::open(
            self.options.clone().application_name(application),
            START_PATIENCE,
        )
        .await
    }

    /// A URL by which other programs on this machine reach the cluster.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = self
            .options
            .get_socket()
            .map(|path| path.display().to_string());
        format!(
            "postgres://{ROLE}@localhost/herdbook?host={}",
            socket.unwrap_or_default()
        )
    }

    /// Ends the cluster, after its connections are closed. Committed data is safe at any time.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "postgres supervisor failed");
        }
    }
}

/// The error of an operation on `path` with what to do about it.
fn unusable(path: &Path, action: &str, error: &std::io::Error) -> EmbeddedError {
    EmbeddedError::DataDir {
        path: path.to_owned(),
        reason: format!(
            "{action}: {error}; choose another with --data-dir, or correct its permissions"
        ),
    }
}

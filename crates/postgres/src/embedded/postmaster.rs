//! The server process: started, watched, started again when it dies, and stopped.

use std::{
    fs::{self, File},
    io,
    path::Path,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    EmbeddedError,
    cluster::{Cluster, last_lines},
    unusable,
};

/// How often a change of state is looked for.
const TICK: Duration = Duration::from_millis(10);
/// How long a fast shutdown may take before it is an immediate one (the log is replayed then).
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Waits between attempts to start a server that keeps dying.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Settings that differ from Postgres's own. Durability is never traded: `fsync`,
/// `synchronous_commit` and `full_page_writes` keep their defaults, which are on.
const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "shared_buffers=128MB",
    "wal_compression=on",
    "max_wal_size=4GB",
    "random_page_cost=1.1",
    "jit=off",
    "logging_collector=on",
    "log_directory=log",
    "log_filename=postgresql-%a.log",
    "log_rotation_age=1d",
    "log_truncate_on_rotation=on",
];

/// A server that we started.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts the server and waits until it takes connections. One that a killed Herdbook left
    /// behind is stopped first.
    pub(super) async fn start(
        cluster: &Cluster,
        patience: Duration,
    ) -> Result<Self, EmbeddedError> {
        stop_orphan(cluster).await?;
        let output = cluster.data().join("startup.log");
        let mut child = spawn(cluster, &output)
            .map_err(|error| unusable(cluster.data(), "the server cannot be started", &error))?;
        let deadline = Instant::now() + patience;
        while !is_ready(cluster.data(), child.id()) {
            if child.try_wait().is_ok_and(|status| status.is_some()) || Instant::now() > deadline {
                return Err(EmbeddedError::Program {
                    program: "postgres",
                    output: last_words(cluster.data(), &output),
                });
            }
            sleep(TICK).await;
        }
        Ok(Self { child })
    }

    /// Keeps a server running on `cluster` until `stop`, then ends it.
    pub(super) async fn supervise(mut self, cluster: Cluster, stop: CancellationToken) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return self.stop().await,
                status = self.child.wait() => {
                    tracing::error!(?status, "postgres died and is started again");
                }
            }
            if started.elapsed() > MAX_BACKOFF {
                backoff = FIRST_BACKOFF;
            }
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(backoff) => {}
                }
                backoff = (backoff * 2).min(MAX_BACKOFF);
                match Self::start(&cluster, STOP_PATIENCE).await {
                    Ok(postmaster) => {
                        self = postmaster;
                        tracing::info!("postgres is back");
                        break;
                    }
                    Err(error) => tracing::error!(%error, "postgres did not start"),
                }
            }
        }
    }

    /// Fast shutdown: clients are disconnected, the log is flushed.
    async fn stop(mut self) {
        for signal in [Signal::INT, Signal::QUIT] {
            if let Some(pid) = self.child.id().and_then(to_pid) {
                // An error means that it is gone, which is what is wanted.
                let _ = kill_process(pid, signal);
            }
            if tokio::time::timeout(STOP_PATIENCE, self.child.wait())
                .await
                .is_ok()
            {
                return;
            }
        }
    }
}

fn spawn(cluster: &Cluster, output: &Path) -> io::Result<Child> {
    let log = File::create(output)?;
    let mut command = Command::new(cluster.installation.program("postgres"));
    command
        .arg("-D")
        .arg(cluster.data())
        .arg("-k")
        .arg(cluster.socket_dir())
        .current_dir("/");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
        .stdin(std::process::Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    cluster.owner.apply(command.as_std_mut());
    command.spawn()
}

/// What the server said last: in its log, or before it had opened that.
fn last_words(data: &Path, output: &Path) -> String {
    let logs = fs::read_dir(data.join("log")).into_iter().flatten();
    let newest = logs
        .filter_map(|log| {
            let log = log.ok()?;
            Some((log.metadata().ok()?.modified().ok()?, log.path()))
        })
        .max();
    let read = |path: &Path| last_lines(&fs::read_to_string(path).unwrap_or_default());
    match newest {
        Some((_, log)) if !read(&log).is_empty() => format!("{}; {}", read(output), read(&log)),
        _ => read(output),
    }
}

/// Whether `child` takes connections: the eighth line of `postmaster.pid` says so. Its lines are listed in
/// Postgres's `src/include/utils/pidfile.h`.
fn is_ready(data: &Path, child: Option<u32>) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let ready = text.lines().nth(7).map(str::trim) == Some("ready");
    let pid = first_pid(&text);
    ready && pid.is_some() && pid == child.and_then(to_pid)
}

/// The process that the text of a lock file names.
fn first_pid(text: &str) -> Option<Pid> {
    text.lines().next()?.trim().parse().ok().and_then(to_pid)
}

fn to_pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Ends a server that runs on our files though we did not start it: the data directory is locked
/// for this process, so that it can only be the child of one that was killed. Takes away the lock files of
/// one that is dead: its number may belong to a stranger by now, or to a zombie that nobody buries, and
/// Postgres would refuse to start at either.
async fn stop_orphan(cluster: &Cluster) -> Result<(), EmbeddedError> {
    let data = cluster.data();
    for lock in [data.join("postmaster.pid"), cluster.socket_lock()] {
        let text = fs::read_to_string(&lock).unwrap_or_default();
        let Some(pid) = first_pid(&text) else {
            continue;
        };
        if serves(pid, data) {
            stop(pid, data).await?;
        }
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(&lock, "it is stale and cannot be removed", &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Stops the server `pid`, the harder the longer it takes.
async fn stop(pid: Pid, data: &Path) -> Result<(), EmbeddedError> {
    tracing::info!(
        pid = pid.as_raw_nonzero(),
        "stopping the postgres that a killed herdbook left"
    );
    for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if test_kill_process(pid).is_err() || !serves(pid, data) {
                return Ok(());
            }
            sleep(TICK).await;
        }
    }
    Err(EmbeddedError::DataDir {
        path: data.to_owned(),
        reason: format!(
            "the process {} still runs on it; stop it",
            pid.as_raw_nonzero()
        ),
    })
}

/// Whether the process `pid` is a server on the files in `data`.
fn serves(pid: Pid, data: &Path) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    let command = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).replace('\0', " "),
        Err(_) => {
            let ps = std::process::Command::new("ps")
                .args(["-p", &pid, "-o", "command="])
                .output();
            ps.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
                .unwrap_or_default()
        }
    };
    command.contains("postgres") && command.contains(&*data.to_string_lossy())
}

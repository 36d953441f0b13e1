//! Herdbook as a process.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use herdbook_testkit::wait_until;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

/// A running `herdbook up` or `herdbook serve`; stopped when dropped, its Postgres with it.
pub struct Herdbook {
    child: Child,
    ready_file: PathBuf,
    /// Where it listens: host and port.
    pub address: String,
    _folder: TempDir,
}

/// A folder that the account which runs Postgres can enter.
#[must_use]
pub fn folder() -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("herdbook-e2e-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The server of the embedded cluster of a data directory, unless it is down.
#[must_use]
pub fn postmaster(data_dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.parse().ok()?)
}

impl Herdbook {
    /// The command line of the binary, with a free port to listen on.
    #[must_use]
    pub fn command(arguments: &[&str]) -> Command {
        let binary = env::var_os("HERDBOOK_TEST_BINARY").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/herdbook"),
            PathBuf::from,
        );
        assert!(
            binary.exists(),
            "{} is missing; build it, or run `./dev test`",
            binary.display()
        );
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts `herdbook up` on `data_dir` and waits until it is ready.
    pub async fn up(data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        Self::start(&mut Self::command(&[
            "up",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            data_dir,
        ]))
        .await
    }

    /// Starts a serving command and waits until it is ready.
    pub async fn start(command: &mut Command) -> Self {
        let folder = folder();
        let ready_file = folder.path().join("ready.json");
        let log = folder.path().join("log");
        let output = fs::File::create(&log).unwrap();
        command
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(Stdio::null())
            .stderr(output);
        let mut child = command.spawn().unwrap();
        let ready = wait_until("herdbook is ready", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "herdbook ended with {status}: {}",
                    fs::read_to_string(&log).unwrap()
                );
            }
            fs::read_to_string(&ready_file).ok()
        })
        .await;
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let address = ready["address"].as_str().unwrap().to_owned();
        Self {
            child,
            ready_file,
            address,
            _folder: folder,
        }
    }

    /// A connection to it.
    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// The file it wrote when it was ready.
    #[must_use]
    pub fn ready_file(&self) -> &Path {
        &self.ready_file
    }

    /// Kills it as a crash would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop, and waits until it did.
    pub async fn stop(mut self) -> std::process::ExitStatus {
        kill_process(self.pid().unwrap(), Signal::TERM).unwrap();
        self.child.wait().await.unwrap()
    }

    /// Its process, unless it has ended.
    fn pid(&self) -> Option<Pid> {
        self.child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }
}

impl Drop for Herdbook {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // It may be gone by now, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

//! The Herdbook that is measured, on a data directory of its own.

use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use crate::process::Process;

/// How long it may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    pub(crate) process: Process,
    /// Where it listens: host and port.
    pub(crate) address: String,
    /// The Postgres that it uses.
    pub(crate) database: String,
}

impl Server {
    /// Starts `binary` on a data directory; also the milliseconds until it was ready. A quick one does not
    /// leave a few points uncompacted for a minute, for which several rows would wait.
    pub(crate) async fn start(binary: &Path, data: &Path, quick: bool) -> (Self, f64) {
        let file = data.with_extension("ready.json");
        let _ = fs::remove_file(&file);
        let start = Instant::now();
        let mut process = Process::spawn(
            Command::new(binary)
                .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
                .arg(data)
                .arg("--ready-file")
                .arg(&file)
                .args(quick.then_some("--compact-after=2s"))
                .stdin(Stdio::null())
                .stdout(Stdio::null()),
        );
        while !file.exists() {
            if let Some(status) = process.ended() {
                panic!("Herdbook ended before it was ready, {status}: its last words are above");
            }
            assert!(start.elapsed() < PATIENCE, "Herdbook does not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let taken = start.elapsed().as_secs_f64() * 1e3;
        let ready: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let field = |name: &str| ready[name].as_str().unwrap().to_owned();
        let server = Self {
            process,
            address: field("address"),
            database: field("database"),
        };
        (server, taken)
    }
}

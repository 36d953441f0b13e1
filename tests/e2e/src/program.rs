//! Programs in other languages.

use std::{env, path::PathBuf, process::Output};

use tokio::process::Command;

/// The Python with the trainer's packages, which `./dev test` installs.
#[must_use]
pub fn python() -> Command {
    program("HERDBOOK_TEST_PYTHON")
}

/// A Python with MLflow's newest client and its server, likewise.
#[must_use]
pub fn mlflow() -> Command {
    program("HERDBOOK_TEST_MLFLOW")
}

/// The Node.js with which the TypeScript client was installed, likewise.
#[must_use]
pub fn node() -> Command {
    program("HERDBOOK_TEST_NODE")
}

fn program(variable: &str) -> Command {
    let path = env::var_os(variable);
    let path =
        path.unwrap_or_else(|| panic!("{variable} is not set; run this test by `./dev test`"));
    let mut command = Command::new(path);
    command.current_dir(clients());
    command.kill_on_drop(true);
    command
}

/// The folder of the clients in other languages.
fn clients() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../clients")
}

/// Runs a program to its end; panics with what it printed if it failed.
pub async fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.expect("the program starts");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

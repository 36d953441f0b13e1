//! Programs that are run beside the measurement, and end with it.

use std::process::ExitStatus;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::process::{Child, Command};

/// A program that is asked to stop when this is dropped, and waited for: what it made it takes away itself.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}")))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    pub(crate) async fn wait(&mut self) -> ExitStatus {
        self.0.wait().await.unwrap()
    }

    /// Resident memory in MiB, as Linux tells.
    pub(crate) fn memory(&self) -> f64 {
        let id = self.0.id().expect("a program that runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.expect("the memory of a process") / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // It may be gone by now, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

//! CPU, memory, disk and network, by the `sysinfo` crate.

use std::{env, path::PathBuf};

use sysinfo::{Disks, Networks, Pid, ProcessesToUpdate, System, get_current_pid};

/// The machine and this process in it.
pub(super) struct Machine {
    system: Option<System>,
    disks: Option<Disks>,
    networks: Option<Networks>,
    process: Option<Pid>,
    folder: PathBuf,
}

impl Machine {
    pub(super) fn open() -> Self {
        let mut machine = Self {
            system: System::new().ok(),
            disks: Disks::new_with_refreshed_list().ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            process: get_current_pid().ok(),
            folder: env::current_dir().unwrap_or_default(),
        };
        // The readings that the first sample is compared with.
        machine.sample(1.0);
        machine
    }

    /// What it does now, rates over the last `seconds`.
    pub(super) fn sample(&mut self, seconds: f64) -> Vec<(String, f64)> {
        let mut row = Vec::new();
        let mut add = |key: &str, value: f64| row.push((format!("system/{key}"), value));
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory();
            add("cpu_percent", system.global_cpu_usage().into());
            let (used, total) = (system.used_memory() as f64, system.total_memory() as f64);
            add("memory_used_bytes", used);
            if total > 0.0 {
                add("memory_percent", 100.0 * used / total);
            }
            if let Some(id) = self.process {
                system.refresh_processes(ProcessesToUpdate::Some(&[id]), true);
                if let Some(process) = system.process(id) {
                    // 100 is one core.
                    add("process_cpu_percent", process.cpu_usage().into());
                    add("process_memory_bytes", process.memory() as f64);
                }
            }
        }
        if let Some(disks) = &mut self.disks {
            disks.refresh(true);
            let of_folder = disks
                .iter()
                .filter(|disk| self.folder.starts_with(disk.mount_point()))
                .max_by_key(|disk| disk.mount_point().components().count());
            if let Some(disk) = of_folder {
                let (free, total) = (disk.available_space() as f64, disk.total_space() as f64);
                if total > 0.0 {
                    add("disk_percent", 100.0 * (total - free) / total);
                }
                let usage = disk.usage();
                let rate = |bytes: u64| bytes as f64 / seconds;
                add("disk_read_bytes_per_second", rate(usage.read_bytes));
                add("disk_written_bytes_per_second", rate(usage.written_bytes));
            }
        }
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
            let outside = || {
                networks
                    .iter()
                    .filter(|(name, _)| !name.to_string_lossy().starts_with("lo"))
            };
            let received: u64 = outside().map(|(_, network)| network.received()).sum();
            let sent: u64 = outside().map(|(_, network)| network.transmitted()).sum();
            add(
                "network_received_bytes_per_second",
                received as f64 / seconds,
            );
            add("network_sent_bytes_per_second", sent as f64 / seconds);
        }
        row
    }
}

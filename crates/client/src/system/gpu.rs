//! GPUs, by the `nvidia-smi` program where there is one.

use std::process::{Command, Stdio};

const FIELDS: [(&str, &str, f64); 5] = [
    ("utilization.gpu", "percent", 1.0),
    ("memory.used", "memory_used_bytes", MEBIBYTE),
    ("memory.total", "memory_total_bytes", MEBIBYTE),
    ("temperature.gpu", "temperature_celsius", 1.0),
    ("power.draw", "power_watts", 1.0),
];
const MEBIBYTE: f64 = 1_048_576.0;

/// The GPUs of this machine.
pub(super) struct Gpus {
    present: bool,
}

impl Gpus {
    pub(super) fn open() -> Self {
        let mut gpus = Self { present: true };
        gpus.sample();
        gpus
    }

    /// What each does now; nothing where there is none.
    pub(super) fn sample(&mut self) -> Vec<(String, f64)> {
        if !self.present {
            return Vec::new();
        }
        let fields = FIELDS.map(|(field, _, _)| field).join(",");
        let asked = Command::new("nvidia-smi")
            .arg(format!("--query-gpu=index,{fields}"))
            .arg("--format=csv,noheader,nounits")
            .stdin(Stdio::null())
            .output();
        match asked {
            Ok(output) if output.status.success() => {
                parse(&String::from_utf8_lossy(&output.stdout))
            }
            // No driver, or no program: that does not change while a process runs.
            _ => {
                self.present = false;
                Vec::new()
            }
        }
    }
}

/// Reads a line a GPU; what it does not know, it writes in brackets.
fn parse(text: &str) -> Vec<(String, f64)> {
    let mut row = Vec::new();
    for line in text.lines() {
        let mut cells = line.split(',').map(str::trim);
        let Some(index) = cells.next().and_then(|index| index.parse::<u32>().ok()) else {
            continue;
        };
        for ((_, name, unit), cell) in FIELDS.iter().zip(cells) {
            if let Ok(value) = cell.parse::<f64>() {
                row.push((format!("system/gpu/{index}/{name}"), value * unit));
            }
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn each_gpu_has_its_number_and_what_is_not_known_is_left_out() {
        let row = parse("0, 97, 1024, 81920, 65, 301.52\n1, 0, 3, 81920, 40, [N/A]\nNo devices\n");
        let named = |name: &str| {
            row.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| *value)
        };
        assert_eq!(named("system/gpu/0/percent"), Some(97.0));
        assert_eq!(
            named("system/gpu/0/memory_used_bytes"),
            Some(1_073_741_824.0)
        );
        assert_eq!(named("system/gpu/0/power_watts"), Some(301.52));
        assert_eq!(named("system/gpu/1/temperature_celsius"), Some(40.0));
        assert_eq!(named("system/gpu/1/power_watts"), None);
        assert_eq!(row.len(), 9);
    }
}

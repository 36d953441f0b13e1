//! What MLflow's clients get from Herdbook: by the same calls as from the servers beside it.

use std::{collections::BTreeMap, fs, path::Path};

use tokio::process::Command;

use crate::{process::Process, report::Figure};

const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/door.py");

/// The rows, after the prefix that the driver gives them: what they are counted in, and what they must reach.
const ROWS: [(&str, &str, Option<f64>); 14] = [
    ("one point a call, 1 client", "/s", Some(1_600.0)),
    ("one point a call, 8 clients", "/s", Some(2_800.0)),
    ("runs created, 1 client", "/s", Some(1_130.0)),
    ("runs created, 8 clients", "/s", Some(2_200.0)),
    (
        "runs with 20 params and 20 metrics, 1 client",
        "/s",
        Some(460.0),
    ),
    (
        "runs with 20 params and 20 metrics, 8 clients",
        "/s",
        Some(1_400.0),
    ),
    (
        "points in batches of 10 x 100, 1 client",
        "/s",
        Some(180_000.0),
    ),
    (
        "points in batches of 10 x 100, 8 clients",
        "/s",
        Some(420_000.0),
    ),
    ("100 log_metric calls of its library", "ms", Some(200.0)),
    ("log_artifact, a GiB", "ms", None),
    (
        "acc > 0.9 and lr = '0.01' by acc, 100 of 10,000 runs",
        "ms",
        Some(10.5),
    ),
    (
        "a page of 1,000 whole runs of 10,000 runs",
        "ms",
        Some(94.0),
    ),
    ("chart of 1,000,000 points", "ms", Some(50.0)),
    ("all of 1,000,000 points", "ms", None),
];

/// A Herdbook at `address` that has nothing in it, by a Python that has MLflow's library.
pub(crate) async fn measure(
    python: &str,
    address: &str,
    quick: bool,
    folder: &Path,
) -> Vec<Figure> {
    let (_, port) = address.rsplit_once(':').unwrap();
    let file = folder.join("door.json");
    let mut command = Command::new(python);
    command
        .args([DRIVER, port])
        .args(quick.then_some("--quick"));
    command.stdout(fs::File::create(&file).unwrap());
    let status = Process::spawn(&mut command).wait().await;
    assert!(
        status.success(),
        "MLflow's door could not be measured, {status}"
    );
    let told: BTreeMap<String, f64> =
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let figures = ROWS.iter().filter_map(|(row, unit, floor)| {
        let name = format!("by MLflow's API: {row}");
        let figure = Figure::new(&name, *told.get(&name)?, unit);
        Some(match floor {
            Some(floor) => figure.at_least(*floor),
            None => figure,
        })
    });
    figures.collect()
}

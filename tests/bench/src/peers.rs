//! What is measured beside Herdbook, on the same Postgres.

use std::{fs, path::Path, str::FromStr};

use tokio::process::Command;

use crate::{Part, process::Process, report::Column};

const SERVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/measure.py");
const ML_METADATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/mlmd.py");

/// ML-Metadata, or a server that the driver knows by its name, and the Python that it is installed in.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    name: String,
    python: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, python) = text
            .split_once('=')
            .ok_or("a name, `=` and a Python are wanted: MLflow=/path/to/bin/python")?;
        Ok(Self {
            name: name.to_owned(),
            python: python.to_owned(),
        })
    }
}

impl Peer {
    /// The Python that has MLflow's library, if this is MLflow.
    pub(crate) fn mlflow(&self) -> Option<&str> {
        (self.name == "MLflow").then_some(&*self.python)
    }

    /// Whether it has rows in a part of the table: ML-Metadata keeps pedigrees alone, a tracking server none.
    pub(crate) fn has(&self, part: Part) -> bool {
        (self.name == "ML-Metadata") == (part == Part::Lineage)
    }

    /// What it comes to on the Postgres at `url`: a column, or one for each way in which it is run.
    pub(crate) async fn measure(&self, url: &str, quick: bool, folder: &Path) -> Vec<Column> {
        let file = folder.join("peer.json");
        let mut command = Command::new(&self.python);
        let driver = match self.name.as_str() {
            "ML-Metadata" => ML_METADATA,
            _ => SERVERS,
        };
        command.args([driver, &self.name, url]);
        command.args(quick.then_some("--quick"));
        command.stdout(fs::File::create(&file).unwrap());
        let status = Process::spawn(&mut command).wait().await;
        assert!(
            status.success(),
            "{} could not be measured, {status}",
            self.name
        );
        let columns: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        columns
            .into_iter()
            .map(|(name, figures)| Column {
                name,
                figures: serde_json::from_value(figures).unwrap(),
            })
            .collect()
    }
}

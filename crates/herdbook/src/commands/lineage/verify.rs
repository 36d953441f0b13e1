//! `herdbook lineage verify`.

use std::{fs, io::Write as _, path::PathBuf};

use clap::Args;
use herdbook_lineage::ExportedProof;
use herdbook_proto::lineage::v1::ProveRequest;
use serde_json::json;

use super::{client, prove::fetch};
use crate::{
    cli::{ClientOptions, Output},
    connection::connect,
    exit::Failure,
    output::plain,
};

/// Verify a proof that was saved: that nobody altered it, and whether it still holds.
///
/// Ends with 8 if it was altered, with 4 if something of what it rests on has changed since.
///
/// Example: herdbook lineage verify proof.json
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The file that `lineage prove --save` wrote.
    file: PathBuf,
    /// Check the file alone; no server is called.
    #[arg(long)]
    offline: bool,
    /// The digest it must have, as it was told when the proof was made.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

pub(super) async fn run(server: &ClientOptions, options: Options) -> Result<(), Failure> {
    let file = options.file.display();
    let text = fs::read_to_string(&options.file)
        .map_err(|error| Failure::failed(format!("{file}: {error}")))?;
    let damaged = |error| Failure::damaged(format!("{file}: {error}"));
    let saved = ExportedProof::read(&text).map_err(damaged)?;
    let digest = saved.digest().to_string();
    if let Some(wanted) = options.digest.filter(|wanted| *wanted != digest) {
        return Err(Failure::damaged(format!(
            "{file}: it is another proof: its digest is {digest}, not {wanted}"
        )));
    }
    let changes = match options.offline {
        true => None,
        false => {
            let connection = connect(server).await?;
            let (node, suspects, suspect_tags) = saved.question();
            let question = ProveRequest {
                node,
                suspects,
                suspect_tags,
                ..Default::default()
            };
            let now = fetch(&mut client(connection), question).await?;
            let now = ExportedProof::read(&now).map_err(damaged)?;
            Some(saved.changes(&now))
        }
    };
    let told = match server.output {
        Output::Table => plain(&shown(&saved, changes.as_deref())),
        Output::Json => format!(
            "{:#}",
            json!({
                "verdict": saved.verdict(),
                "examined": saved.examined(),
                "digest": digest,
                "decided_at": saved.decided_at().to_rfc3339(),
                "changes": changes,
            })
        ),
    };
    writeln!(std::io::stdout().lock(), "{told}")?;
    match changes {
        Some(changes) if !changes.is_empty() => {
            Err(Failure::refused("what it rests on has changed since"))
        }
        _ => Ok(()),
    }
}

fn shown(saved: &ExportedProof, changes: Option<&[String]>) -> String {
    let mut lines = vec![format!(
        "as it was written: {} on {}, {} nodes examined\ndigest {}",
        saved.verdict().to_lowercase(),
        saved.decided_at().format("%Y-%m-%d %H:%M:%S UTC"),
        saved.examined(),
        saved.digest()
    )];
    match changes {
        None => lines.push("not compared with what is recorded now".to_owned()),
        Some([]) => lines.push("the same holds now".to_owned()),
        Some(changes) => {
            lines.push("since then:".to_owned());
            lines.extend(changes.iter().map(|change| format!("  {change}")));
        }
    }
    lines.join("\n")
}

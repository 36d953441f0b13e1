//! `audit verify`: by the server, or of an export without one.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
};

use herdbook_proto::registry::v1::{
    Checkpoint, ExportAuditResponse, VerifyAuditRequest, VerifyAuditResponse,
    transition_service_client::TransitionServiceClient,
};
use herdbook_registry::{Checkpoint as Checked, Verifier};

use crate::{
    cli::{ClientOptions, Output},
    connection::connect,
    exit::Failure,
    output,
};

pub(super) const CHECKPOINT: &str = "herdbook.registry.v1.Checkpoint";
pub(super) const LINE: &str = "herdbook.registry.v1.ExportAuditResponse";

/// Reads a key as `audit checkpoints` shows it.
pub(super) fn public_key(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be 64 hexadecimal digits, as `audit checkpoints` shows it".to_owned())
    }
}

/// Reads a checkpoint that was kept, and checks who signed it.
pub(super) fn read_checkpoint(
    path: &Path,
    public_key: Option<&str>,
) -> Result<Checkpoint, Failure> {
    let kept: Checkpoint = output::read_json(CHECKPOINT, &fs::read_to_string(path)?)?;
    Checked::read(&kept)
        .map_err(|error| Failure::refused(format!("{} {error}", path.display())))?;
    match public_key {
        Some(key) if key != kept.public_key => Err(Failure::refused(format!(
            "{} is signed by {}, which is another key",
            path.display(),
            kept.public_key
        ))),
        _ => Ok(kept),
    }
}

/// Has the server verify its log.
pub(super) async fn server(
    options: &ClientOptions,
    checkpoint: Option<Checkpoint>,
) -> Result<(), Failure> {
    let mut client = TransitionServiceClient::new(connect(options).await?);
    let request = VerifyAuditRequest { checkpoint };
    let found = client.verify_audit(request).await?.into_inner();
    tell(options.output, &found)
}

/// Verifies an export, line by line.
pub(super) fn file(
    output: Output,
    path: &Path,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), Failure> {
    let checkpoint = checkpoint.map(Checked::read).transpose();
    let checkpoint = checkpoint.map_err(Failure::refused)?;
    let mut verifier = Verifier::default();
    for (number, line) in BufReader::new(File::open(path)?).lines().enumerate() {
        let line: ExportAuditResponse = output::read_json(LINE, &line?).map_err(|_| {
            let number = number + 1;
            Failure::refused(format!("line {number} of {} is no record", path.display()))
        })?;
        verifier.take_line(&line, checkpoint.as_ref());
    }
    let found = VerifyAuditResponse {
        records: verifier.records,
        hash: verifier
            .hash()
            .map(|hash| hash.to_string())
            .unwrap_or_default(),
        broken_at: verifier.broken.map(|(revision, _)| revision),
        problem: verifier
            .broken
            .map(|(_, problem)| problem.to_string())
            .unwrap_or_default(),
        checkpoints: verifier.checkpoints,
    };
    tell(output, &found)?;
    let span = verifier.span();
    match checkpoint.filter(|kept| !span.contains(&kept.revision)) {
        None => Ok(()),
        Some(kept) => Err(Failure::refused(format!(
            "the checkpoint of revision {} could not be compared: {} has {} records, up to revision {}; export \
             those from the checkpoint on",
            kept.revision,
            path.display(),
            verifier.records,
            span.end()
        ))),
    }
}

/// Prints what was found; refused if anything does not fit.
fn tell(output: Output, found: &VerifyAuditResponse) -> Result<(), Failure> {
    let name = "herdbook.registry.v1.VerifyAuditResponse";
    output::print(output, name, found, |found| {
        let checked = match found.checkpoints {
            0 => format!("{} records", found.records),
            1 => format!("{} records and a checkpoint", found.records),
            count => format!("{} records and {count} checkpoints", found.records),
        };
        match found.broken_at {
            None => format!(
                "{checked}, all as they were written; last hash {}",
                found.hash
            ),
            Some(revision) => format!(
                "{checked}; the chain is broken at revision {revision}: {}",
                found.problem
            ),
        }
    })?;
    match found.broken_at {
        None => Ok(()),
        Some(_) => Err(Failure::refused("the audit log was tampered with")),
    }
}

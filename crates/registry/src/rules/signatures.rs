//! The rule about signatures: whose word it is that these are the files.

use super::{Case, Finding, stamp};
use crate::{facts::Signature, policy::TrustedKey, signing::PublicKey};

pub(super) fn signed_by(case: &Case, keys: &[TrustedKey], threshold: u32) -> Finding {
    let statement = case.version.statement();
    // Checked again, so that none counts that found its way into the database otherwise.
    let holds = |signature: &&Signature| statement.verify(&signature.key, &signature.bytes).is_ok();
    let signatures: Vec<_> = case.standing.signatures.iter().filter(holds).collect();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for TrustedKey { name, public_key } in keys {
        let key = PublicKey::from_pem(public_key).ok();
        let signature = signatures
            .iter()
            .find(|signature| Some(signature.key) == key);
        match signature {
            Some(Signature {
                key,
                added_by,
                added_at,
                ..
            }) => found.push(format!(
                "{name} ({}) signed it, added by {added_by} at {}",
                key.id(),
                stamp(*added_at)
            )),
            None => missing.push(name.as_str()),
        }
    }
    let signed = found.len();
    let needed = usize::try_from(threshold).unwrap_or(usize::MAX);
    let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
    let others = signatures.len() - signed;
    if others > 0 {
        found.push(format!("{others} by keys that do not count"));
    }
    if found.is_empty() {
        found.push("nobody signed it".to_owned());
    }
    Finding {
        passed: signed >= needed,
        requirement: format!("signatures by {threshold} of {}", names.join(", ")),
        evidence: found.join("; "),
        remedy: format!(
            "have {} of {} sign it with `herdbook models sign {}/{}`",
            needed.saturating_sub(signed),
            missing.join(", "),
            case.version.model,
            case.version.number
        ),
    }
}

//! The hash chain of the audit log.
//!
//! A record is kept as the bytes of its protobuf message without the hash. Its hash is SHA-256 over the
//! 32 bytes of the hash before it (none for the first) and those bytes: whoever changes, removes or
//! reorders a record has to change every hash after it, and then the head and the checkpoints betray it.

use herdbook_core::Digest;
use herdbook_proto::registry::v1::{AuditRecord, ExportAuditResponse};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::checkpoint::Checkpoint;

/// The hash of `record`, which follows the record with the hash `before`.
pub(crate) fn chain(before: &[u8], record: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(record);
    hash.finalize().into()
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A revision is not there where it should be.
    #[error("a record is missing, or out of its order")]
    Missing,
    /// A record, or the hash of it or of the one before, is another.
    #[error("the record does not fit its hash")]
    Changed,
    /// What stands beside the record is not what stands in it.
    #[error("what stands beside the record differs from it")]
    Mislabelled,
    /// The log goes less or further than the workspace, or with another hash.
    #[error("the log does not end where the workspace says")]
    Head,
    /// The log had another record there.
    #[error("a checkpoint says that another record stood there")]
    Rewritten,
    /// The log had come further.
    #[error("a checkpoint says that the log had come further: its newest records were removed")]
    Truncated,
    /// A kept checkpoint that was changed.
    #[error("the checkpoint kept here is not signed by the key that it names")]
    Checkpoint,
}

/// Checks a chain record by record, in memory that does not grow with it.
#[derive(Debug, Default)]
pub struct Verifier {
    /// Records taken in.
    pub records: i64,
    /// Checkpoints that were compared.
    pub checkpoints: i64,
    /// Revision of the last record.
    pub(crate) revision: i64,
    /// Its hash.
    pub(crate) last: Vec<u8>,
    /// Revision before the first record.
    start: i64,
    /// The first that does not fit: where, and how.
    pub broken: Option<(i64, Problem)>,
}

impl Verifier {
    /// Checks a chain from the record on that follows `revision`, which has `hash`.
    pub(crate) fn after(revision: i64, hash: &[u8]) -> Self {
        Self {
            revision,
            last: hash.to_vec(),
            start: revision,
            ..Self::default()
        }
    }

    /// Hash of the last record.
    #[must_use]
    pub fn hash(&self) -> Option<Digest> {
        Digest::try_from(self.last.as_slice()).ok()
    }

    /// Notes a problem, unless there was one before.
    fn note(&mut self, revision: i64, problem: Problem) {
        self.broken.get_or_insert((revision, problem));
    }

    /// Takes in the next record, which stands beside `revision` and `model`. Revisions are counted from 1
    /// without a gap, so a missing one shows.
    pub(crate) fn take(&mut self, revision: i64, model: &str, record: &[u8], hash: &[u8]) {
        if revision != self.revision + 1 {
            self.note(self.revision + 1, Problem::Missing);
        } else if chain(&self.last, record) != *hash {
            self.note(revision, Problem::Changed);
        } else if !AuditRecord::decode(record)
            .is_ok_and(|record| record.revision == revision && record.model == model)
        {
            self.note(revision, Problem::Mislabelled);
        }
        self.records += 1;
        self.revision = revision;
        self.last = hash.to_vec();
    }

    /// Takes in the next line of an export, of which the first may be any, and compares a checkpoint that was
    /// kept.
    pub fn take_line(&mut self, line: &ExportAuditResponse, kept: Option<&Checkpoint>) {
        let record = line.record.clone().unwrap_or_default();
        let before = digest(&line.previous_hash);
        if self.records == 0 {
            *self = Self::after(record.revision - 1, &before);
            // Of what it follows a line says the hash.
            kept.iter().for_each(|kept| self.compare(kept));
        }
        let hash = digest(&record.hash);
        let revision = record.revision;
        let same = AuditRecord::decode(&*line.encoded).is_ok_and(|mut decoded| {
            decoded.hash.clone_from(&record.hash);
            decoded == record
        });
        let follows = before == self.last;
        self.take(revision, &record.model, &line.encoded, &hash);
        if !follows {
            self.note(revision, Problem::Changed);
        }
        if !same {
            self.note(revision, Problem::Mislabelled);
        }
        kept.iter().for_each(|kept| self.compare(kept));
    }

    /// Whether the records go back far enough to be compared with `checkpoint`; the revision before the first
    /// if they do not.
    pub fn covers(&self, checkpoint: &Checkpoint) -> Result<(), i64> {
        match checkpoint.revision >= self.start {
            true => Ok(()),
            false => Err(self.start),
        }
    }

    /// Compares a checkpoint with the last record, if it is of that.
    pub(crate) fn compare(&mut self, checkpoint: &Checkpoint) {
        let last = std::mem::take(&mut self.last);
        self.compare_at(checkpoint, self.revision, &last);
        self.last = last;
    }

    /// Compares a checkpoint with the record of `revision`, which has `hash`, if it is of that.
    pub(crate) fn compare_at(&mut self, checkpoint: &Checkpoint, revision: i64, hash: &[u8]) {
        if checkpoint.revision != revision {
            return;
        }
        self.checkpoints += 1;
        if checkpoint.check().is_err() {
            self.note(revision, Problem::Checkpoint);
        } else if checkpoint.hash.0.as_slice() != hash {
            self.note(revision, Problem::Rewritten);
        }
    }

    /// The log ends here, with the workspace at `revision` with `hash`.
    pub(crate) fn end(&mut self, revision: i64, hash: &[u8]) {
        if (self.revision, self.last.as_slice()) != (revision, hash) {
            self.note(self.revision.min(revision) + 1, Problem::Head);
        }
    }

    /// The log ends here, though it had come as far as `checkpoint` once.
    pub fn reached(&mut self, checkpoint: &Checkpoint) {
        if checkpoint.revision > self.revision {
            self.note(self.revision + 1, Problem::Truncated);
        }
    }
}

/// The bytes of a digest; none if it is none.
fn digest(text: &str) -> Vec<u8> {
    text.parse::<Digest>()
        .map(|digest| digest.0.to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row = (i64, String, Vec<u8>, [u8; 32]);

    fn log(principals: &[String]) -> Vec<Row> {
        let mut before = Vec::new();
        let row = |(principal, revision): (&String, i64)| {
            let record = AuditRecord {
                revision,
                principal: principal.clone(),
                model: "m".to_owned(),
                ..Default::default()
            }
            .encode_to_vec();
            let hash = chain(&before, &record);
            before = hash.to_vec();
            (revision, "m".to_owned(), record, hash)
        };
        principals.iter().zip(1..).map(row).collect()
    }

    fn verify(rows: &[Row], head: &Row) -> Option<i64> {
        let mut verifier = Verifier::default();
        for (revision, model, record, hash) in rows {
            verifier.take(*revision, model, record, hash);
        }
        verifier.end(head.0, &head.3);
        verifier.broken.map(|(revision, _)| revision)
    }

    proptest! {
        #[test]
        fn any_changed_byte_removal_and_swap_is_found(
            principals in prop::collection::vec(".{0,10}", 2..20),
            place in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let log = log(&principals);
            let head = log.last().unwrap().clone();
            prop_assert_eq!(verify(&log, &head), None);

            let (place, flip) = (place.index(log.len()), 1 << bit);
            let expected = Some(log[place].0);
            let mut changed = log.clone();
            let byte_of_record = byte.index(changed[place].2.len());
            changed[place].2[byte_of_record] ^= flip;
            prop_assert_eq!(verify(&changed, &head), expected);

            let mut changed = log.clone();
            changed[place].3[byte.index(32)] ^= flip;
            prop_assert_eq!(verify(&changed, &head), expected);

            let mut changed = log.clone();
            changed[place].0 ^= i64::from(flip);
            prop_assert!(verify(&changed, &head).is_some());

            let mut changed = log.clone();
            changed[place].1 = char::from(b'm' ^ (flip & 0x7f) ^ 1).to_string();
            prop_assert_eq!(verify(&changed, &head).is_some(), changed[place].1 != "m");

            let mut removed = log.clone();
            removed.remove(place);
            prop_assert_eq!(verify(&removed, &head), expected);

            let mut swapped = log.clone();
            let other = (place + 1) % log.len();
            swapped.swap(place, other);
            prop_assert!(verify(&swapped, &head).is_some());
        }
    }
}

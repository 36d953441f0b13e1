//! The hash chain of the audit log.
//!
//! A record is kept as the bytes of its protobuf message without the hash. Its hash is SHA-256 over the
//! 32 bytes of the hash before it (none for the first) and those bytes: whoever changes, removes or
//! reorders a record has to change every hash after it.

use sha2::{Digest as _, Sha256};

/// The hash of `record`, which follows the record with the hash `before`.
pub(crate) fn chain(before: &[u8], record: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(record);
    hash.finalize().into()
}

/// Checks a chain record by record.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    pub(crate) records: i64,
    pub(crate) last: Vec<u8>,
    /// Revision of the first record that does not fit.
    pub(crate) broken_at: Option<i64>,
}

impl Verifier {
    /// Takes in the next record. Revisions are counted from 1 without a gap, so a missing one shows.
    pub(crate) fn take(&mut self, revision: i64, record: &[u8], hash: &[u8]) {
        let fits = revision == self.records + 1 && chain(&self.last, record) == *hash;
        if !fits && self.broken_at.is_none() {
            self.broken_at = Some(revision);
        }
        self.records += 1;
        self.last = hash.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verify(records: &[(i64, Vec<u8>, [u8; 32])]) -> Option<i64> {
        let mut verifier = Verifier::default();
        for (revision, record, hash) in records {
            verifier.take(*revision, record, hash);
        }
        verifier.broken_at
    }

    proptest! {
        #[test]
        fn any_changed_byte_removal_and_swap_is_found(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 2..20),
            place in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(),
        ) {
            let mut before = Vec::new();
            let log: Vec<_> = contents.into_iter().zip(1..).map(|(record, revision)| {
                let hash = chain(&before, &record);
                before = hash.to_vec();
                (revision, record, hash)
            }).collect();
            prop_assert_eq!(verify(&log), None);

            let place = place.index(log.len() - 1);
            let mut changed = log.clone();
            let byte = byte.index(changed[place].1.len());
            changed[place].1[byte] ^= 1;
            prop_assert_eq!(verify(&changed), Some(log[place].0));

            let mut removed = log.clone();
            removed.remove(place);
            prop_assert!(verify(&removed).is_some());

            let mut swapped = log;
            swapped.swap(place, place + 1);
            prop_assert!(verify(&swapped).is_some());
        }
    }
}

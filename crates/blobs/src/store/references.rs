//! References to blobs.

use std::collections::BTreeMap;

use herdbook_core::Digest;
use herdbook_postgres::DatabaseError;
use sqlx::PgConnection;

use super::staging::adopt;
use crate::{Blob, BlobError};

/// The references that a transaction takes and gives back, to be applied once its manifests are written.
///
/// What is taken and given back again cancels out, and blobs are locked in the order of their digests,
/// so that transactions which share blobs do not deadlock.
#[derive(Debug, Default)]
pub struct References {
    changes: BTreeMap<Digest, i64>,
    adopted: Vec<Blob>,
}

impl References {
    /// Takes one reference to `digest`.
    pub fn take(&mut self, digest: Digest) {
        *self.changes.entry(digest).or_default() += 1;
    }

    /// Gives one reference to `digest` back.
    pub fn release(&mut self, digest: Digest) {
        *self.changes.entry(digest).or_default() -= 1;
    }

    /// Takes one reference to `blob`, which may be one that was stored by a version that did not count.
    pub fn adopt(&mut self, blob: Blob) {
        self.adopted.push(blob);
        self.take(blob.digest);
    }

    /// Does so in `transaction`. A blob that was collected since its bytes were put is
    /// [`BlobError::Gone`], and the transaction must be rolled back.
    pub async fn apply(mut self, transaction: &mut PgConnection) -> Result<(), BlobError> {
        if !self.adopted.is_empty() {
            adopt(&mut *transaction, &self.adopted).await?;
        }
        self.changes.retain(|_, change| *change != 0);
        if self.changes.is_empty() {
            return Ok(());
        }
        let digests: Vec<&[u8]> = self
            .changes
            .keys()
            .map(|digest| digest.0.as_slice())
            .collect();
        let locked: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT digest FROM blobs.blobs \
             WHERE digest = ANY($1) AND stored AND collecting_at IS NULL ORDER BY digest FOR UPDATE",
        )
        .bind(&digests)
        .fetch_all(&mut *transaction)
        .await
        .map_err(DatabaseError::from)?;
        let is_locked = |digest: &Digest| {
            let by_digest = |row: &Vec<u8>| row.as_slice().cmp(digest.0.as_slice());
            locked.binary_search_by(by_digest).is_ok()
        };
        let mut taken = self.changes.iter().filter(|(_, change)| **change > 0);
        if let Some((digest, _)) = taken.find(|(digest, _)| !is_locked(digest)) {
            return Err(BlobError::Gone(*digest));
        }
        sqlx::query(
            "UPDATE blobs.blobs AS b SET reference_count = b.reference_count + c.change, \
                 unreferenced_at = CASE WHEN b.reference_count + c.change = 0 THEN clock_timestamp() END \
             FROM unnest($1::bytea[], $2::bigint[]) AS c (digest, change) WHERE b.digest = c.digest",
        )
        .bind(&digests)
        .bind(self.changes.values().copied().collect::<Vec<_>>())
        .execute(transaction)
        .await
        .map_err(DatabaseError::from)?;
        Ok(())
    }
}

impl Extend<Digest> for References {
    /// Takes a reference to each.
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, digests: I) {
        digests.into_iter().for_each(|digest| self.take(digest));
    }
}

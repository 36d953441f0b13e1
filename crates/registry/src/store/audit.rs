//! The audit log: appended to by each change, in its transaction.

use herdbook_core::{Digest, WorkspaceId};
use herdbook_proto::{
    registry::v1::{AuditRecord, ExportAuditResponse},
    time::{from_timestamp, to_timestamp},
};
use prost::Message as _;
use sqlx::{
    FromRow, PgConnection, PgExecutor,
    types::{
        Json,
        chrono::{DateTime, Utc},
    },
};

use super::Store;
use crate::{
    RegistryError,
    audit::{Verifier, chain},
    checkpoint::Checkpoint,
    version::Pairs,
};

/// Records that are verified at a time.
const PAGE: i64 = 1_000;

/// Takes the next revision of `workspace` and appends `record` with it, the time, and the tags of the
/// model it is about, if any. From here on everybody in the workspace waits for this transaction.
pub(super) async fn append(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: Option<i64>,
    record: AuditRecord,
) -> Result<AuditRecord, RegistryError> {
    let mut appended = append_all(transaction, workspace, vec![(model, record)]).await?;
    appended.pop().ok_or(RegistryError::Damaged)
}

/// Does so for each of some records, in their order. A tag that a record has already stays as it is.
pub(super) async fn append_all(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    records: Vec<(Option<i64>, AuditRecord)>,
) -> Result<Vec<AuditRecord>, RegistryError> {
    let models: Vec<Option<i64>> = records.iter().map(|(model, _)| *model).collect();
    let mut records: Vec<AuditRecord> = records.into_iter().map(|(_, record)| record).collect();
    let numbers: Vec<i64> = records.iter().map(|record| record.version).collect();
    let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
    let (last, mut hash, now, tags): (i64, Vec<u8>, DateTime<Utc>, Vec<Json<Pairs>>) =
        sqlx::query_as(
            "INSERT INTO registry.workspaces AS w (workspace_id, revision) VALUES ($1, $4) \
             ON CONFLICT (workspace_id) DO UPDATE SET revision = w.revision + $4 \
             RETURNING revision, hash, clock_timestamp(), ARRAY( \
                 SELECT coalesce((SELECT tags FROM registry.models WHERE model_key = r.model), '{}') || \
                     coalesce((SELECT tags FROM registry.versions \
                               WHERE model_key = r.model AND number = r.number), '{}') \
                 FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS r (model, number, n) \
                 ORDER BY n)",
        )
        .bind(workspace.0)
        .bind(models)
        .bind(numbers)
        .bind(count)
        .fetch_one(&mut *transaction)
        .await?;
    let (mut encoded, mut hashes) = (Vec::new(), Vec::new());
    for ((record, revision), tags) in records.iter_mut().zip(last - count + 1..).zip(tags) {
        record.revision = revision;
        for (key, value) in tags.0 {
            record.tags.entry(key).or_insert(value);
        }
        record.at = Some(to_timestamp(now));
        if let Some(decision) = &mut record.decision {
            decision.revision = revision;
            decision.decided_at = record.at;
        }
        let bytes = record.encode_to_vec();
        hash = chain(&hash, &bytes).to_vec();
        encoded.push(bytes);
        hashes.push(hash.clone());
    }
    let revisions: Vec<i64> = records.iter().map(|record| record.revision).collect();
    let models: Vec<&str> = records.iter().map(|record| record.model.as_str()).collect();
    sqlx::query(
        "WITH head AS (UPDATE registry.workspaces SET hash = $6 WHERE workspace_id = $1) \
         INSERT INTO registry.audit (workspace_id, revision, model, record, hash) \
         SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::bytea[])",
    )
    .bind(workspace.0)
    .bind(revisions)
    .bind(models)
    .bind(encoded)
    .bind(hashes)
    .bind(hash)
    .execute(transaction)
    .await?;
    Ok(records)
}

/// The last revision of `workspace`; 0 if nothing ever changed there.
pub(super) async fn revision_of(
    executor: impl PgExecutor<'_>,
    workspace: WorkspaceId,
) -> Result<i64, RegistryError> {
    let revision: Option<i64> =
        sqlx::query_scalar("SELECT revision FROM registry.workspaces WHERE workspace_id = $1")
            .bind(workspace.0)
            .fetch_optional(executor)
            .await?;
    Ok(revision.unwrap_or_default())
}

impl Store {
    /// Records of `workspace` (of one model, if named) before the revision `before`, newest first.
    pub(crate) async fn audit(
        &self,
        workspace: WorkspaceId,
        model: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, RegistryError> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT record, hash FROM registry.audit \
             WHERE workspace_id = $1 AND ($2 = '' OR model = $2) AND revision < $3 \
             ORDER BY revision DESC LIMIT $4",
        )
        .bind(workspace.0)
        .bind(model)
        .bind(before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|(record, hash)| decode(record, hash))
            .collect()
    }

    /// The first `limit` records after the revision `after` up to `until`, of one of `models` if any is
    /// named, oldest first.
    pub(crate) async fn audit_after(
        &self,
        workspace: WorkspaceId,
        models: &[String],
        after: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, RegistryError> {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT record, hash FROM registry.audit \
             WHERE workspace_id = $1 AND (cardinality($2) = 0 OR model = ANY($2)) \
                 AND revision > $3 AND revision <= $4 \
             ORDER BY revision LIMIT $5",
        )
        .bind(workspace.0)
        .bind(models)
        .bind(after)
        .bind(until)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|(record, hash)| decode(record, hash))
            .collect()
    }

    /// The record of one revision.
    pub(crate) async fn audit_record(
        &self,
        workspace: WorkspaceId,
        revision: i64,
    ) -> Result<AuditRecord, RegistryError> {
        let mut records = self.audit(workspace, "", revision + 1, 1).await?;
        records.pop().ok_or(RegistryError::Damaged)
    }

    /// The last revision of `workspace`.
    pub(crate) async fn revision(&self, workspace: WorkspaceId) -> Result<i64, RegistryError> {
        revision_of(&self.pool, workspace).await
    }

    /// Recomputes the chain from the record after `since` on, or from the first, a page at a time, and
    /// compares the checkpoints on the way and `kept`, which was kept elsewhere.
    pub(crate) async fn verify_audit(
        &self,
        workspace: WorkspaceId,
        since: Option<&Checkpoint>,
        kept: Option<&Checkpoint>,
    ) -> Result<Verifier, RegistryError> {
        let mut verifier = since.map_or_else(Verifier::default, |checkpoint| {
            Verifier::after(checkpoint.revision, &checkpoint.hash.0)
        });
        // Read first: what comes meanwhile is not looked at.
        let newest = self.last_checkpoint(workspace).await?;
        let (head, head_hash) = self.head(workspace).await?;
        loop {
            let rows = self.audit_rows(workspace, verifier.revision, head).await?;
            for row in rows.iter() {
                verifier.take(row.revision, &row.model, &row.record, &row.hash);
                kept.iter().for_each(|kept| verifier.compare(kept));
            }
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
                break;
            };
            let (first, last) = (first.revision, last.revision);
            let mut among = self.checkpoints_among(workspace, first, last).await?;
            among.retain(|checkpoint| Some(checkpoint) != kept);
            for checkpoint in among {
                let place = usize::try_from(checkpoint.revision - first).unwrap_or(usize::MAX);
                if let Some(row) = rows.get(place) {
                    verifier.compare_at(&checkpoint, row.revision, &row.hash);
                }
            }
        }
        newest.iter().chain(kept).for_each(|c| verifier.reached(c));
        verifier.end(head, &head_hash);
        Ok(verifier)
    }

    /// The revision of `workspace`, and the hash of its record.
    pub(crate) async fn head(
        &self,
        workspace: WorkspaceId,
    ) -> Result<(i64, Vec<u8>), RegistryError> {
        let head = sqlx::query_as(
            "SELECT revision, hash FROM registry.workspaces WHERE workspace_id = $1",
        )
        .bind(workspace.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(head.unwrap_or_default())
    }

    /// A page of rows after the revision `after` up to `until`, oldest first.
    pub(crate) async fn audit_rows(
        &self,
        workspace: WorkspaceId,
        after: i64,
        until: i64,
    ) -> Result<Vec<AuditRow>, RegistryError> {
        Ok(sqlx::query_as(
            "SELECT revision, model, record, hash FROM registry.audit \
             WHERE workspace_id = $1 AND revision > $2 AND revision <= $3 \
             ORDER BY revision LIMIT $4",
        )
        .bind(workspace.0)
        .bind(after)
        .bind(until)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?)
    }

    /// The last revision of `workspace` before the time `time`, by halving: times follow revisions.
    pub(crate) async fn revision_before(
        &self,
        workspace: WorkspaceId,
        time: DateTime<Utc>,
    ) -> Result<i64, RegistryError> {
        let (mut before, mut from) = (0, self.revision(workspace).await? + 1);
        while from - before > 1 {
            let middle = before + (from - before) / 2;
            let record = self.audit_record(workspace, middle).await?;
            let at = record.at.as_ref().and_then(from_timestamp);
            match at.ok_or(RegistryError::Damaged)? < time {
                true => before = middle,
                false => from = middle,
            }
        }
        Ok(before)
    }
}

/// A record as it is kept.
#[derive(Debug, FromRow)]
pub(crate) struct AuditRow {
    pub(crate) revision: i64,
    pub(crate) model: String,
    pub(crate) record: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl AuditRow {
    /// A line of an export, after the record with the hash `before`.
    pub(crate) fn line(&self, before: &[u8]) -> Result<ExportAuditResponse, RegistryError> {
        Ok(ExportAuditResponse {
            record: Some(decode(&self.record, &self.hash)?),
            previous_hash: Digest::try_from(before)
                .map(|hash| hash.to_string())
                .unwrap_or_default(),
            encoded: self.record.clone().into(),
        })
    }
}

fn decode(record: &[u8], hash: &[u8]) -> Result<AuditRecord, RegistryError> {
    let mut record = AuditRecord::decode(record).map_err(|_| RegistryError::Damaged)?;
    let hash = Digest::try_from(hash).map_err(|_| RegistryError::Damaged)?;
    record.hash = hash.to_string();
    Ok(record)
}

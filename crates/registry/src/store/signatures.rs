//! Signatures of versions.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::AuditAction;
use sqlx::{FromRow, PgConnection};

use super::{
    Store,
    models::{Model, find, lock, record, seal},
    versions::read,
};
use crate::{RegistryError, facts::Signature, signing::PublicKey, version::Version};

/// Signatures of a version; each is read with every move.
const SIGNATURES: i64 = 16;

#[derive(FromRow)]
struct Row {
    public_key: Vec<u8>,
    signature: Vec<u8>,
    added_by: String,
    added_at: DateTime<Utc>,
}

impl TryFrom<Row> for Signature {
    type Error = RegistryError;

    fn try_from(row: Row) -> Result<Self, RegistryError> {
        let damaged = |_| RegistryError::Damaged;
        let key: [u8; 32] = row.public_key.try_into().map_err(damaged)?;
        Ok(Self {
            key: PublicKey::from_bytes(&key).map_err(|_| RegistryError::Damaged)?,
            bytes: row.signature.try_into().map_err(damaged)?,
            added_by: row.added_by,
            added_at: row.added_at,
        })
    }
}

/// The signatures of a version, oldest first.
pub(super) async fn signatures(
    connection: &mut PgConnection,
    model: &Model,
    number: i64,
) -> Result<Vec<Signature>, RegistryError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT public_key, signature, added_by, added_at FROM registry.signatures \
         WHERE model_key = $1 AND number = $2 ORDER BY added_at, public_key",
    )
    .bind(model.key)
    .bind(number)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Signature::try_from).collect()
}

impl Store {
    /// Keeps a signature by `key`, which `check` finds for the version; the one that is there already, if
    /// the key signed before.
    pub(crate) async fn add_signature(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        (model, number): (&str, i64),
        key: PublicKey,
        check: impl FnOnce(&Version) -> Result<[u8; 64], RegistryError>,
    ) -> Result<Signature, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, model).await?;
        let version = read(&mut transaction, &model, number).await?;
        let bytes = check(&version)?;
        let there = signatures(&mut transaction, &model, number).await?;
        if let Some(before) = there.iter().find(|signature| signature.key == key) {
            return Ok(before.clone());
        }
        if i64::try_from(there.len()).unwrap_or(i64::MAX) >= SIGNATURES {
            return Err(RegistryError::TooManySignatures {
                version: format!("{}/{number}", model.name),
                most: SIGNATURES,
            });
        }
        let added_at = sqlx::query_scalar(
            "INSERT INTO registry.signatures (model_key, number, public_key, signature, added_by) \
             VALUES ($1, $2, $3, $4, $5) RETURNING added_at",
        )
        .bind(model.key)
        .bind(number)
        .bind(key.to_bytes())
        .bind(bytes)
        .bind(principal)
        .fetch_one(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::AddSignature, principal, &model.name);
        record.version = number;
        record.details = serde_json::json!({
            "key": key.id().to_string(),
            "public_key": key.to_pem(),
            "digest": version.digest.to_string(),
        })
        .to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        Ok(Signature {
            key,
            bytes,
            added_by: principal.to_owned(),
            added_at,
        })
    }

    /// The version, and its signatures, oldest first.
    pub(crate) async fn signatures(
        &self,
        workspace: WorkspaceId,
        model: &str,
        number: i64,
    ) -> Result<(Version, Vec<Signature>), RegistryError> {
        let mut connection = self.pool.acquire().await?;
        let model = find(&mut *connection, workspace, model).await?;
        let version = read(&mut connection, &model, number).await?;
        let signatures = signatures(&mut connection, &model, number).await?;
        Ok((version, signatures))
    }
}

//! Deleting versions and models. Their rows stay for what their past refers to: they stand in no stage then,
//! hold no blobs, and nothing finds them.

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use herdbook_blobs::References;
use herdbook_core::WorkspaceId;
use herdbook_proto::{registry::v1::AuditAction, registry::v1::AuditRecord, time::from_timestamp};
use sqlx::{PgConnection, types::Json};

use super::{
    Store,
    models::{Model, lock, record, seal},
    stages::Left,
    versions::read,
};
use crate::{RegistryError, pedigree, version::File};

/// Versions of which lineage is told at a time.
pub(super) const TOLD: usize = 1_000;

impl Store {
    /// Deletes a version, unless it stands in a guarded stage.
    pub(crate) async fn delete_version(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        model: &str,
        number: i64,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, model).await?;
        let version = read(&mut transaction, &model, number).await?;
        check_unguarded(&model, &version.stage, || {
            format!("{}/{number}", model.name)
        })?;
        let mut record = record(AuditAction::DeleteVersion, principal, &model.name);
        record.version = number;
        record.details = serde_json::json!({
            "label": version.label, "stage": version.stage, "source": version.source,
            "digest": version.digest.to_string(),
        })
        .to_string();
        let doomed = Doomed {
            workspace,
            model: &model,
            number: Some(number),
        };
        self.remove(&mut transaction, &doomed, record).await?;
        sqlx::query(
            "UPDATE registry.models SET latest_version = coalesce((SELECT number FROM registry.versions \
                 WHERE model_key = $1 AND deleted_at IS NULL ORDER BY number DESC LIMIT 1), 0), \
                 last_number = $2 \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(model.last_number)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.committed();
        Ok(())
    }

    /// Deletes a model with its versions, unless one stands in a guarded stage.
    pub(crate) async fn delete_model(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, name).await?;
        let standing: Vec<(String, i64)> = sqlx::query_as(
            "SELECT stage, max(number) FROM registry.versions \
             WHERE model_key = $1 AND deleted_at IS NULL GROUP BY stage ORDER BY stage",
        )
        .bind(model.key)
        .fetch_all(&mut *transaction)
        .await?;
        for (stage, number) in &standing {
            check_unguarded(&model, stage, || format!("{name}/{number}"))?;
        }
        let record = record(AuditAction::DeleteModel, principal, name);
        let doomed = Doomed {
            workspace,
            model: &model,
            number: None,
        };
        self.remove(&mut transaction, &doomed, record).await?;
        note_former_name(&mut transaction, workspace, &model).await?;
        sqlx::query(
            "UPDATE registry.models SET deleted_at = clock_timestamp(), policy_name = NULL, \
                 latest_version = 0, last_number = $2, tags = '{}', card = '{}', description = '' \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(model.last_number)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.committed();
        Ok(())
    }

    /// Removes versions, seals `record` of it, and tells lineage.
    async fn remove(
        &self,
        transaction: &mut PgConnection,
        doomed: &Doomed<'_>,
        record: AuditRecord,
    ) -> Result<(), RegistryError> {
        let &Doomed {
            workspace,
            model,
            number,
        } = doomed;
        release(transaction, model, number).await?;
        sqlx::query(
            "DELETE FROM registry.aliases WHERE model_key = $1 AND ($2::bigint IS NULL OR number = $2)",
        )
        .bind(model.key)
        .bind(number)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE registry.requests SET closed_at = clock_timestamp(), closed_by = $3, \
                 state = CASE WHEN expires_at <= clock_timestamp() THEN 5 ELSE 6 END \
             WHERE model_key = $1 AND ($2::bigint IS NULL OR number = $2) AND state = 1",
        )
        .bind(model.key)
        .bind(number)
        .bind(&record.principal)
        .execute(&mut *transaction)
        .await?;
        let record = seal(transaction, workspace, model.key, record).await?;
        let at = record.at.as_ref().and_then(from_timestamp);
        let at = at.ok_or(RegistryError::Damaged)?;
        let gone = clear(transaction, model, number, at, record.revision).await?;
        let first = model.policy.first_stage();
        let told = gone.iter().map(|last| {
            let (name, by, revision) = (&model.name, &record.principal, record.revision);
            pedigree::of_deletion(name, last, first, by, at, revision).encode()
        });
        let told: Vec<Vec<u8>> = told.collect();
        for some in told.chunks(TOLD) {
            let some: Vec<&[u8]> = some.iter().map(Vec::as_slice).collect();
            self.outbox
                .add_all(&mut *transaction, workspace, &some)
                .await?;
        }
        Ok(())
    }
}

/// Versions that are deleted.
struct Doomed<'a> {
    workspace: WorkspaceId,
    /// Locked.
    model: &'a Model,
    /// All of the model's if `None`.
    number: Option<i64>,
}

/// Deleting is no way around the rules of a stage, and nobody is to lose what serves by a slip.
fn check_unguarded(
    model: &Model,
    stage: &str,
    version: impl FnOnce() -> String,
) -> Result<(), RegistryError> {
    match model.policy.guard(stage) {
        None => Ok(()),
        Some(why) => Err(RegistryError::Guarded {
            version: version(),
            stage: stage.to_owned(),
            why,
        }),
    }
}

/// Releases the blobs of versions.
async fn release(
    transaction: &mut PgConnection,
    model: &Model,
    number: Option<i64>,
) -> Result<(), RegistryError> {
    let mut references = References::default();
    let mut counted = sqlx::query_scalar::<_, Json<Vec<File>>>(
        "SELECT files FROM registry.versions \
         WHERE model_key = $1 AND ($2::bigint IS NULL OR number = $2) AND deleted_at IS NULL AND counted",
    )
    .bind(model.key)
    .bind(number)
    .fetch(&mut *transaction);
    while let Some(files) = counted.try_next().await? {
        files
            .iter()
            .for_each(|file| references.release(file.digest));
    }
    drop(counted);
    Ok(references.apply(transaction).await?)
}

/// Takes versions out of their stages, and from their rows what nothing refers to; where they stood.
async fn clear(
    transaction: &mut PgConnection,
    model: &Model,
    number: Option<i64>,
    at: DateTime<Utc>,
    revision: i64,
) -> Result<Vec<Left>, RegistryError> {
    Ok(sqlx::query_as(
        "WITH going AS ( \
             SELECT number, stage, stage_since FROM registry.versions \
             WHERE model_key = $1 AND ($2::bigint IS NULL OR number = $2) AND deleted_at IS NULL \
         ), gone AS ( \
             INSERT INTO registry.stage_history (model_key, stage, number, entered_at, left_at, revision, undone) \
             SELECT $1, stage, number, stage_since, $3, $4, true FROM going \
         ) \
         UPDATE registry.versions AS v \
         SET stage = '', description = '', tags = '{}', params = '{}', metric_keys = '{}', metric_values = '{}', \
             card = '{}', io_schema = NULL, request_id = NULL, counted = true, \
             deleted_at = $3, updated_at = $3, revision = $4 \
         FROM going AS g WHERE v.model_key = $1 AND v.number = g.number \
         RETURNING g.number, g.stage, g.stage_since",
    )
    .bind(model.key)
    .bind(number)
    .bind(at)
    .bind(revision)
    .fetch_all(transaction)
    .await?)
}

/// Notes that a model gives its name up, so that no number of its versions ever means another under it.
pub(super) async fn note_former_name(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: &Model,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO registry.former_names AS f (workspace_id, name, model_key, last_number) \
         SELECT $1, $2, $3, $4 WHERE $4 > 0 \
         ON CONFLICT (workspace_id, name) DO UPDATE \
         SET model_key = excluded.model_key, last_number = greatest(f.last_number, excluded.last_number)",
    )
    .bind(workspace.0)
    .bind(&model.name)
    .bind(model.key)
    .bind(model.last_number)
    .execute(transaction)
    .await?;
    Ok(())
}

//! Giving a model another name.

use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use herdbook_proto::{registry::v1::AuditAction, time::from_timestamp};
use sqlx::PgConnection;

use super::{
    Store,
    audit::append_all,
    deletion::{TOLD, note_former_name},
    models::{Model, lock, record},
    versions::read_page,
};
use crate::{RegistryError, pedigree};

impl Store {
    /// Renames a model; its versions go with it.
    pub(crate) async fn rename_model(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        new_name: &str,
    ) -> Result<Model, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let mut model = lock(&mut transaction, workspace, name).await?;
        if name == new_name {
            return Ok(model);
        }
        let renamed = sqlx::query("UPDATE registry.models SET name = $2 WHERE model_key = $1")
            .bind(model.key)
            .bind(new_name)
            .execute(&mut *transaction)
            .await;
        renamed.map_err(|error| {
            let error = DatabaseError::from(error);
            match error.unique_violation() {
                Some("models_name") => RegistryError::ModelExists(new_name.to_owned()),
                _ => error.into(),
            }
        })?;
        check_unused(&mut transaction, workspace, &model, new_name).await?;
        note_former_name(&mut transaction, workspace, &model).await?;
        // One under each name: who looks at either finds what became of it.
        let of = |model_name: &str, details: serde_json::Value| {
            let mut record = record(AuditAction::RenameModel, principal, model_name);
            record.details = details.to_string();
            (Some(model.key), record)
        };
        let records = vec![
            of(name, serde_json::json!({ "new_name": new_name })),
            of(new_name, serde_json::json!({ "former_name": name })),
        ];
        let records = append_all(&mut transaction, workspace, records).await?;
        let last = records.last().ok_or(RegistryError::Damaged)?;
        let at = last.at.as_ref().and_then(from_timestamp);
        let (at, revision) = (at.ok_or(RegistryError::Damaged)?, last.revision);
        sqlx::query(
            "UPDATE registry.models SET revision = $2, changed_by = $3, updated_at = $4 \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(revision)
        .bind(principal)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        new_name.clone_into(&mut model.name);
        let mut before = i64::MAX;
        loop {
            let page = read_page(&mut *transaction, &model, "", before, TOLD).await?;
            let Some(oldest) = page.last() else {
                break;
            };
            before = oldest.number;
            let first = model.policy.first_stage();
            let told = page.iter().map(|version| {
                pedigree::of_rename(version, name, first, principal, at, revision).encode()
            });
            let told: Vec<Vec<u8>> = told.collect();
            let told: Vec<&[u8]> = told.iter().map(Vec::as_slice).collect();
            self.outbox
                .add_all(&mut transaction, workspace, &told)
                .await?;
        }
        transaction.commit().await?;
        self.committed();
        self.model(workspace, new_name).await
    }
}

/// Refuses a name under which another model had versions.
async fn check_unused(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: &Model,
    name: &str,
) -> Result<(), RegistryError> {
    let used: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM registry.former_names \
         WHERE workspace_id = $1 AND name = $2 AND model_key <> $3)",
    )
    .bind(workspace.0)
    .bind(name)
    .bind(model.key)
    .fetch_one(transaction)
    .await?;
    match used {
        true => Err(RegistryError::NameHadVersions(name.to_owned())),
        false => Ok(()),
    }
}

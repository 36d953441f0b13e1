//! What references mean, and how far the log has come.

use herdbook_core::WorkspaceId;
use herdbook_postgres::KeptConnection;
use sqlx::PgConnection;

use super::{
    Store,
    audit::revision_of,
    models::{Model, find},
    versions::read,
};
use crate::{
    RegistryError,
    reference::{Pointer, Reference},
    version::Version,
};

/// How far the log of a workspace has come, and what it changed since.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) workspace: WorkspaceId,
    pub(crate) revision: i64,
    /// Names of the models that changed, empty for a change of several; `None` if there are too many
    /// records to look at.
    pub(crate) changed: Option<Vec<String>>,
}

impl Store {
    /// A connection for [`Self::progress`] alone.
    pub(crate) fn kept_connection(&self) -> KeptConnection {
        KeptConnection::new(&self.pool)
    }

    /// How far the logs of workspaces have come since the revisions at their side; at most `records` are
    /// looked at in each. Nothing about one in which nothing ever changed.
    pub(crate) async fn progress(
        connection: &mut KeptConnection,
        since: &[(WorkspaceId, i64)],
        records: i64,
    ) -> Result<Vec<Progress>, RegistryError> {
        let (ids, revisions): (Vec<i32>, Vec<i64>) = since
            .iter()
            .map(|(workspace, revision)| (workspace.0, *revision))
            .unzip();
        let rows: Vec<(i32, i64, Option<Vec<String>>)> = connection
            .run(async |connection| {
                sqlx::query_as(
                    "SELECT w.workspace_id, w.revision, \
                         CASE WHEN w.revision - s.revision <= $3 THEN ARRAY( \
                             SELECT DISTINCT a.model FROM registry.audit AS a \
                             WHERE a.workspace_id = w.workspace_id \
                                 AND a.revision > s.revision AND a.revision <= w.revision) \
                         END AS changed \
                     FROM unnest($1::int[], $2::bigint[]) AS s (workspace_id, revision) \
                     JOIN registry.workspaces AS w USING (workspace_id)",
                )
                .bind(ids)
                .bind(revisions)
                .bind(records)
                .fetch_all(connection)
                .await
            })
            .await?;
        let progress = |(id, revision, changed)| Progress {
            workspace: WorkspaceId(id),
            revision,
            changed,
        };
        Ok(rows.into_iter().map(progress).collect())
    }

    /// The version that a reference means, and the revision of the workspace at which it does: both of
    /// one snapshot.
    pub(crate) async fn resolve(
        &self,
        workspace: WorkspaceId,
        reference: &Reference,
    ) -> Result<(Version, i64), RegistryError> {
        let mut transaction = herdbook_postgres::begin_snapshot(&self.pool).await?;
        let model = find(&mut *transaction, workspace, &reference.model).await?;
        let number = match &reference.version {
            Pointer::Number(number) => Some(*number),
            Pointer::Latest => Some(model.latest_version).filter(|number| *number > 0),
            Pointer::Named(name) => named(&mut transaction, &model, name).await?,
        };
        let missing = || RegistryError::VersionNotFound(reference.to_string());
        let version = read(&mut transaction, &model, number.ok_or_else(missing)?).await?;
        let revision = revision_of(&mut *transaction, workspace).await?;
        Ok((version, revision))
    }
}

/// The number of the version that stands in the stage `name`, or has it as alias, label or number. A stage is
/// found in any case, but behind an alias that is written exactly so.
async fn named(
    transaction: &mut PgConnection,
    model: &Model,
    name: &str,
) -> Result<Option<i64>, RegistryError> {
    let stage = model.policy.stage(name).map_or(name, |stage| &stage.name);
    let place_of_stage = if stage == name { 1 } else { 3 };
    Ok(sqlx::query_scalar(
        "SELECT number FROM ( \
             (SELECT $6::int AS place, number FROM registry.versions \
              WHERE model_key = $1 AND stage = $2 ORDER BY number DESC LIMIT 1) \
             UNION ALL SELECT 2, number FROM registry.aliases \
                 WHERE model_key = $1 AND alias = $3 \
             UNION ALL SELECT 4, number FROM registry.versions \
                 WHERE model_key = $1 AND label = ANY($4) AND deleted_at IS NULL \
             UNION ALL SELECT 5, number FROM registry.versions \
                 WHERE model_key = $1 AND number = $5 AND deleted_at IS NULL) AS found \
         ORDER BY place LIMIT 1",
    )
    .bind(model.key)
    .bind(stage)
    .bind(name)
    .bind(labels(name))
    .bind(name.parse::<i64>().ok())
    .bind(place_of_stage)
    .fetch_optional(transaction)
    .await?)
}

/// A label is meant with and without its `v`.
fn labels(name: &str) -> Vec<String> {
    let bare = name.strip_prefix('v').unwrap_or(name);
    vec![bare.to_owned(), format!("v{bare}")]
}

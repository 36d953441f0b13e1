//! What pipelines reported about versions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::{Digest, WorkspaceId};
use herdbook_proto::registry::v1::AuditAction;
use sqlx::{FromRow, PgConnection};

use super::{
    Store,
    models::{Model, lock, record, seal},
    versions::read,
};
use crate::{RegistryError, facts::Check, version::Version};

/// Checks of one digest; each is read with every move.
const CHECKS: i64 = 200;

/// A check that is reported.
#[derive(Debug)]
pub(crate) struct NewCheck {
    pub(crate) model: String,
    pub(crate) number: i64,
    /// The files that were checked, if the reporter says which.
    pub(crate) digest: Option<Digest>,
    pub(crate) name: String,
    pub(crate) passed: bool,
    pub(crate) details: String,
    pub(crate) url: String,
}

#[derive(FromRow)]
struct Row {
    name: String,
    passed: bool,
    details: String,
    url: String,
    reported_by: String,
    reported_at: DateTime<Utc>,
}

/// The last report of each check of these files, by name.
pub(super) async fn checks(
    connection: &mut PgConnection,
    model: &Model,
    digest: Digest,
) -> Result<BTreeMap<String, Check>, RegistryError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT name, passed, details, url, reported_by, reported_at FROM registry.checks \
         WHERE model_key = $1 AND digest = $2",
    )
    .bind(model.key)
    .bind(digest.0)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Row::named).collect())
}

/// A check with the version whose files it is about.
#[derive(FromRow)]
struct RowOfVersion {
    number: i64,
    digest: Vec<u8>,
    #[sqlx(flatten)]
    row: Row,
}

/// A check of a version, by name.
pub(crate) struct NamedCheck {
    pub(crate) number: i64,
    pub(crate) digest: Digest,
    pub(crate) name: String,
    pub(crate) check: Check,
}

impl Row {
    fn named(self) -> (String, Check) {
        let check = Check {
            passed: self.passed,
            details: self.details,
            url: self.url,
            reported_by: self.reported_by,
            reported_at: self.reported_at,
        };
        (self.name, check)
    }
}

impl Store {
    /// Keeps a report in place of the one before.
    pub(crate) async fn report_check(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        new: &NewCheck,
    ) -> Result<(Version, Check), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, &new.model).await?;
        let version = read(&mut transaction, &model, new.number).await?;
        if let Some(digest) = new.digest.filter(|digest| *digest != version.digest) {
            return Err(RegistryError::OtherDigest {
                version: format!("{}/{}", model.name, new.number),
                digest: version.digest.to_string(),
                given: digest.to_string(),
            });
        }
        let others: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM registry.checks WHERE model_key = $1 AND digest = $2 AND name <> $3",
        )
        .bind(model.key)
        .bind(version.digest.0)
        .bind(&new.name)
        .fetch_one(&mut *transaction)
        .await?;
        if others >= CHECKS {
            return Err(RegistryError::TooManyChecks(CHECKS));
        }
        let reported_at = sqlx::query_scalar(
            "INSERT INTO registry.checks \
                 (model_key, digest, name, passed, details, url, reported_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (model_key, digest, name) DO UPDATE SET passed = excluded.passed, \
                 details = excluded.details, url = excluded.url, \
                 reported_by = excluded.reported_by, reported_at = excluded.reported_at \
             RETURNING reported_at",
        )
        .bind(model.key)
        .bind(version.digest.0)
        .bind(&new.name)
        .bind(new.passed)
        .bind(&new.details)
        .bind(&new.url)
        .bind(principal)
        .fetch_one(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::ReportCheck, principal, &model.name);
        record.version = version.number;
        record.details = serde_json::json!({
            "check": new.name,
            "passed": new.passed,
            "details": new.details,
            "url": new.url,
            "digest": version.digest.to_string(),
        })
        .to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        let check = Check {
            passed: new.passed,
            details: new.details.clone(),
            url: new.url.clone(),
            reported_by: principal.to_owned(),
            reported_at,
        };
        Ok((version, check))
    }

    /// The version, and the last report of each check of it by name.
    pub(crate) async fn checks(
        &self,
        workspace: WorkspaceId,
        model: &str,
        number: i64,
    ) -> Result<(Version, BTreeMap<String, Check>), RegistryError> {
        let model = self.model(workspace, model).await?;
        let mut connection = self.pool.acquire().await?;
        let version = read(&mut connection, &model, number).await?;
        let checks = checks(&mut connection, &model, version.digest).await?;
        Ok((version, checks))
    }

    /// The last report of each check of some versions, by version and name.
    pub(crate) async fn checks_of(
        &self,
        workspace: WorkspaceId,
        model: &str,
        numbers: &[i64],
    ) -> Result<Vec<NamedCheck>, RegistryError> {
        let model = self.model(workspace, model).await?;
        let rows: Vec<RowOfVersion> = sqlx::query_as(
            "SELECT v.number, v.digest, c.name, c.passed, c.details, c.url, c.reported_by, c.reported_at \
             FROM registry.versions AS v JOIN registry.checks AS c USING (model_key, digest) \
             WHERE v.model_key = $1 AND v.number = ANY($2) ORDER BY v.number, c.name",
        )
        .bind(model.key)
        .bind(numbers)
        .fetch_all(&self.pool)
        .await?;
        let named = |row: RowOfVersion| {
            let digest = Digest::try_from(row.digest.as_slice());
            let (name, check) = row.row.named();
            Ok(NamedCheck {
                number: row.number,
                digest: digest.map_err(|_| RegistryError::Damaged)?,
                name,
                check,
            })
        };
        rows.into_iter().map(named).collect()
    }
}

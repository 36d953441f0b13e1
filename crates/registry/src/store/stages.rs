//! What stands in stages, what stood there, and moving it.

use chrono::{DateTime, Utc};
use herdbook_core::{RunId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Store, checks::checks, models::Model, requests::open_request, signatures::signatures,
    transitions,
};
use crate::{
    RegistryError,
    facts::{Occupant, Standing},
    policy::Stage,
    transition::Way,
    version::Version,
};

/// What the registry knows for a move of `version` to `to`; the model is locked by `transaction`, or else it may be
/// another in a moment.
pub(super) async fn standing(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: &Model,
    version: &Version,
    to: &Stage,
    way: Way,
) -> Result<Standing, RegistryError> {
    let now = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut *transaction)
        .await?;
    let occupants = match to.limit() {
        Some(_) => occupants(transaction, model, &to.name).await?,
        // As many as come: none has to make way, and none is compared with.
        None => Vec::new(),
    };
    let checks = checks(transaction, model, version.digest).await?;
    let signatures = signatures(transaction, model, version.number).await?;
    let (number, name) = (version.number, &to.name);
    let request = open_request(transaction, workspace, model, number, name, way).await?;
    Ok(Standing {
        now,
        occupants,
        checks,
        signatures,
        request,
    })
}

#[derive(FromRow)]
struct OccupantRow {
    number: i64,
    run_id: Option<Uuid>,
    metric_keys: Vec<String>,
    metric_values: Vec<f64>,
}

async fn occupants(
    connection: &mut PgConnection,
    model: &Model,
    stage: &str,
) -> Result<Vec<Occupant>, RegistryError> {
    let rows: Vec<OccupantRow> = sqlx::query_as(
        "SELECT number, run_id, metric_keys, metric_values FROM registry.versions \
         WHERE model_key = $1 AND stage = $2 ORDER BY stage_since, number",
    )
    .bind(model.key)
    .bind(stage)
    .fetch_all(connection)
    .await?;
    let occupant = |row: OccupantRow| Occupant {
        number: row.number,
        run: row.run_id.map(RunId::from),
        metrics: row.metric_keys.into_iter().zip(row.metric_values).collect(),
    };
    Ok(rows.into_iter().map(occupant).collect())
}

/// Moves that are done together.
pub(super) struct Moves<'a> {
    pub(super) numbers: Vec<i64>,
    /// Where each goes.
    pub(super) targets: Vec<&'a str>,
    pub(super) at: DateTime<Utc>,
    pub(super) revision: i64,
    /// The stage that is rolled back.
    pub(super) undone: Option<&'a str>,
}

/// Where a version stood, and since when.
#[derive(Debug, FromRow)]
pub(crate) struct Left {
    pub(crate) number: i64,
    pub(crate) stage: String,
    pub(crate) stage_since: DateTime<Utc>,
}

/// Moves versions, and notes what they leave; returns that.
pub(super) async fn move_versions(
    transaction: &mut PgConnection,
    model: &Model,
    moves: &Moves<'_>,
) -> Result<Vec<Left>, RegistryError> {
    Ok(sqlx::query_as(
        "WITH going AS ( \
             SELECT v.number, v.stage, v.stage_since, g.target \
             FROM unnest($2::bigint[], $3::text[]) AS g (number, target) \
             JOIN registry.versions AS v ON v.model_key = $1 AND v.number = g.number \
         ), gone AS ( \
             INSERT INTO registry.stage_history \
                 (model_key, stage, number, entered_at, left_at, revision, undone) \
             SELECT $1, stage, number, stage_since, $4, $5, stage = $6 FROM going \
         ) \
         UPDATE registry.versions AS v \
         SET stage = g.target, stage_since = $4, updated_at = $4, revision = $5 \
         FROM going AS g WHERE v.model_key = $1 AND v.number = g.number \
         RETURNING g.number, g.stage, g.stage_since",
    )
    .bind(model.key)
    .bind(&moves.numbers)
    .bind(&moves.targets)
    .bind(moves.at)
    .bind(moves.revision)
    .bind(moves.undone.unwrap_or_default())
    .fetch_all(transaction)
    .await?)
}

/// The version that a rollback of `stage` returns to, and the revision at which it left: the one that
/// left last and was not undone, or `number` if it ever stood there. None of those in `occupants`.
pub(super) async fn stood_before(
    connection: &mut PgConnection,
    model: &Model,
    stage: &str,
    number: Option<i64>,
) -> Result<Option<(i64, i64)>, RegistryError> {
    Ok(sqlx::query_as(
        "SELECT h.number, h.revision FROM registry.stage_history AS h \
         JOIN registry.versions AS v USING (model_key, number) \
         WHERE h.model_key = $1 AND h.stage = $2 AND v.stage <> $2 AND v.deleted_at IS NULL \
             AND (h.number = $3 OR $3 IS NULL AND NOT h.undone) \
         ORDER BY h.revision DESC, h.number DESC LIMIT 1",
    )
    .bind(model.key)
    .bind(stage)
    .bind(number)
    .fetch_optional(connection)
    .await?)
}

/// Notes that the stays in `stage` that ended at the revision `since` or later are undone.
pub(super) async fn undo_since(
    transaction: &mut PgConnection,
    model: &Model,
    stage: &str,
    since: i64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "UPDATE registry.stage_history SET undone = true \
         WHERE model_key = $1 AND stage = $2 AND revision >= $3 AND NOT undone",
    )
    .bind(model.key)
    .bind(stage)
    .bind(since)
    .execute(transaction)
    .await?;
    Ok(())
}

/// A time for which a version stood in a stage.
#[derive(Debug, FromRow)]
pub(crate) struct Stay {
    pub(crate) number: i64,
    pub(crate) label: String,
    pub(crate) entered_at: Option<DateTime<Utc>>,
    /// When and at which revision it left; both are `None` if it stands there.
    pub(crate) left_at: Option<DateTime<Utc>>,
    pub(crate) left_revision: Option<i64>,
}

/// A place in the list of stays: that of the stay before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The largest there is for those that last.
    revision: i64,
    number: i64,
}

impl Stay {
    pub(crate) fn position(&self) -> Position {
        Position {
            revision: self.left_revision.unwrap_or(i64::MAX),
            number: self.number,
        }
    }
}

impl Store {
    /// Stays in a stage, those that last first and then the newest, after the place `after`; only those
    /// that lasted `at` a time, if one is given. A stage that the policy had and lacks now has a past too.
    pub(crate) async fn stays(
        &self,
        workspace: WorkspaceId,
        model: &str,
        stage: &str,
        at: Option<DateTime<Utc>>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Stay>, RegistryError> {
        let model = self.model(workspace, model).await?;
        let known = model.policy.stage(stage).map(|stage| stage.name.clone());
        let name = known.as_deref().unwrap_or(stage);
        let after = after.unwrap_or(Position {
            revision: i64::MAX,
            number: i64::MAX,
        });
        let stays: Vec<Stay> = sqlx::query_as(
            "SELECT number, label, entered_at, left_at, left_revision FROM ( \
                 SELECT number, label, stage_since AS entered_at, NULL::timestamptz AS left_at, \
                     NULL::bigint AS left_revision, 9223372036854775807 AS place \
                 FROM registry.versions WHERE model_key = $1 AND stage = $2 AND deleted_at IS NULL \
                 UNION ALL \
                 SELECT h.number, v.label, h.entered_at, h.left_at, h.revision, h.revision \
                 FROM registry.stage_history AS h \
                 JOIN registry.versions AS v USING (model_key, number) \
                 WHERE h.model_key = $1 AND h.stage = $2 AND ($3::timestamptz IS NULL OR h.left_at > $3) \
             ) AS stays \
             WHERE ($3::timestamptz IS NULL OR entered_at <= $3) AND (place, number) < ($4, $5) \
             ORDER BY place DESC, number DESC LIMIT $6",
        )
        .bind(model.key)
        .bind(name)
        .bind(at)
        .bind(after.revision)
        .bind(after.number)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        if stays.is_empty() {
            // Nothing stood there, or it is misspelt.
            transitions::stage(&model, stage)?;
        }
        Ok(stays)
    }
}

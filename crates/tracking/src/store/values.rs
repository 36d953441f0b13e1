//! Typed values on steps, and the series they make.

use std::collections::BTreeMap;

use herdbook_blobs::{Blob, References};
use herdbook_core::{Digest, RunId, WorkspaceId};
use herdbook_proto::tracking::v1::{self as proto, ValueType};
use prost::Message as _;
use sqlx::{FromRow, PgConnection};

use super::{Store, artifacts::release, requests::Requests, usage};
use crate::{
    TrackingError,
    quota::Usage,
    run::RunKey,
    value::{Value, type_name, type_of},
};

/// A series of a run.
#[derive(Debug, FromRow)]
pub(crate) struct Series {
    pub(crate) key: String,
    #[sqlx(rename = "type")]
    pub(crate) value_type: i16,
    pub(crate) count: i64,
    pub(crate) first_step: i64,
    pub(crate) last_step: i64,
}

#[derive(FromRow)]
struct Row {
    key: String,
    step: i64,
    index: i16,
    time_us: i64,
    value: Vec<u8>,
    digest: Option<Vec<u8>>,
    size: Option<i64>,
}

impl Row {
    fn read(self) -> Result<Value, TrackingError> {
        let decoded = proto::Value::decode(self.value.as_slice());
        let kind = decoded.ok().and_then(|value| value.kind);
        let blob = match (self.digest.as_deref().map(Digest::try_from), self.size) {
            (Some(Ok(digest)), Some(size)) => Some(Blob {
                digest,
                size: u64::try_from(size).unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Value {
            key: self.key,
            step: self.step,
            index: self.index,
            time_us: self.time_us,
            kind: kind.ok_or(TrackingError::DamagedValue)?,
            blob,
        })
    }
}

/// Which values of a series are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) min_step: i64,
    pub(crate) max_step: i64,
    /// Only these, if given.
    pub(crate) steps: Option<Vec<i64>>,
}

impl Store {
    /// Logs values of a run, of which no two have the same key, step and index, and none of the same
    /// key another type. If `request_id` was used before, nothing is done.
    pub(crate) async fn log_values(
        &self,
        workspace: WorkspaceId,
        run: RunId,
        values: &[Value],
        request_id: Option<&str>,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key: Option<i64> = sqlx::query_scalar(
            "SELECT run_key FROM tracking.runs \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR KEY SHARE",
        )
        .bind(workspace.0)
        .bind(run.as_uuid())
        .fetch_optional(&mut *transaction)
        .await?;
        let key = RunKey(key.ok_or(TrackingError::RunDeleted(run))?);
        if let Some(request_id) = request_id
            && !Requests::Values
                .note(&mut transaction, key, request_id)
                .await?
        {
            return Ok(());
        }
        let mut series = lock_series(&mut transaction, key, values).await?;
        let mut references = References::default();
        references.extend(
            values
                .iter()
                .filter_map(|value| value.blob.map(|b| b.digest)),
        );
        let mut bytes = values.iter().map(Value::bytes).sum::<i64>();
        for (replaced, digest, size) in replaced(&mut transaction, key, values).await? {
            if let Some(added) = series.get_mut(&replaced) {
                *added -= 1;
            }
            release(&mut references, digest);
            bytes -= size;
        }
        put(&mut transaction, key, values).await?;
        let added = Usage {
            bytes,
            ..Usage::default()
        };
        usage::count(&mut transaction, workspace, added).await?;
        sqlx::query(
            "UPDATE tracking.value_series AS s SET count = s.count + a.added \
             FROM unnest($2::text[], $3::bigint[]) AS a (key, added) \
             WHERE s.run_key = $1 AND s.key = a.key",
        )
        .bind(key.0)
        .bind(series.keys().collect::<Vec<_>>())
        .bind(series.values().copied().collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
        references.apply(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The series of a run after the key `after`, by key.
    pub(crate) async fn value_series(
        &self,
        run: RunKey,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Series>, TrackingError> {
        Ok(sqlx::query_as(
            "SELECT key, type, count, first_step, last_step FROM tracking.value_series \
             WHERE run_key = $1 AND key > $2 ORDER BY key LIMIT $3",
        )
        .bind(run.0)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Whether the run has the series.
    pub(crate) async fn has_series(&self, run: RunKey, key: &str) -> Result<bool, TrackingError> {
        let found: Option<i32> = sqlx::query_scalar(
            "SELECT 1 FROM tracking.value_series WHERE run_key = $1 AND key = $2",
        )
        .bind(run.0)
        .bind(key)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// At most `limit` steps of a series, evenly spaced among those there are, with the first and, if
    /// `limit` is more than one, the last.
    pub(crate) async fn spaced_steps(
        &self,
        run: RunKey,
        key: &str,
        wanted: &Wanted,
        limit: u32,
    ) -> Result<Vec<i64>, TrackingError> {
        // Picked are the numbers i * (total - 1) / (limit - 1); i is the least that could make `number`.
        Ok(sqlx::query_scalar(
            "WITH steps AS (SELECT DISTINCT step FROM tracking.run_values \
                 WHERE run_key = $1 AND key = $2 AND step BETWEEN $3 AND $4), \
             numbered AS (SELECT step, row_number() OVER (ORDER BY step) - 1 AS number, \
                 count(*) OVER () AS total FROM steps) \
             SELECT step FROM numbered WHERE total <= $5 OR number = CASE WHEN $5 = 1 THEN 0 \
                 ELSE (number * ($5 - 1) + total - 2) / nullif(total - 1, 0) * (total - 1) / ($5 - 1) END \
             ORDER BY step",
        )
        .bind(run.0)
        .bind(key)
        .bind(wanted.min_step)
        .bind(wanted.max_step)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Values of a series after the step and index `after`, in their order.
    pub(crate) async fn values(
        &self,
        run: RunKey,
        key: &str,
        wanted: &Wanted,
        after: Option<(i64, i16)>,
        limit: usize,
    ) -> Result<Vec<Value>, TrackingError> {
        let (step, index) = after.unwrap_or((wanted.min_step, -1));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT key, step, index, time_us, value, digest, size FROM tracking.run_values \
             WHERE run_key = $1 AND key = $2 AND (step, index) > ($3, $4) AND step <= $5 \
                 AND ($6::bigint[] IS NULL OR step = ANY($6)) \
             ORDER BY step, index LIMIT $7",
        )
        .bind(run.0)
        .bind(key)
        .bind(step)
        .bind(index)
        .bind(wanted.max_step)
        .bind(&wanted.steps)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    pub(crate) async fn value(
        &self,
        run: RunKey,
        key: &str,
        step: i64,
        index: i16,
    ) -> Result<Option<Value>, TrackingError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT key, step, index, time_us, value, digest, size FROM tracking.run_values \
             WHERE run_key = $1 AND key = $2 AND step = $3 AND index = $4",
        )
        .bind(run.0)
        .bind(key)
        .bind(step)
        .bind(index)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Row::read).transpose()
    }
}

/// Removes all values of a run that is to be purged, and gives their references back; the bytes that they
/// took.
pub(crate) async fn purge(
    transaction: &mut PgConnection,
    run: RunKey,
) -> Result<i64, TrackingError> {
    let values: Vec<(Option<Vec<u8>>, i64)> = sqlx::query_as(
        "DELETE FROM tracking.run_values WHERE run_key = $1 \
         RETURNING digest, octet_length(value) + coalesce(size, 0)",
    )
    .bind(run.0)
    .fetch_all(&mut *transaction)
    .await?;
    for statement in [
        "DELETE FROM tracking.value_series WHERE run_key = $1",
        "DELETE FROM tracking.value_requests WHERE run_key = $1",
    ] {
        sqlx::query(statement)
            .bind(run.0)
            .execute(&mut *transaction)
            .await?;
    }
    let mut references = References::default();
    let mut bytes = 0;
    for (digest, size) in values {
        release(&mut references, digest);
        bytes += size;
    }
    references.apply(transaction).await?;
    Ok(bytes)
}

/// Makes the series of `values` or widens them, and locks their rows; how many values come to each.
async fn lock_series(
    transaction: &mut PgConnection,
    run: RunKey,
    values: &[Value],
) -> Result<BTreeMap<String, i64>, TrackingError> {
    let mut series: BTreeMap<String, Series> = BTreeMap::new();
    for value in values {
        let new = || Series {
            key: value.key.clone(),
            value_type: type_of(&value.kind) as i16,
            count: 0,
            first_step: value.step,
            last_step: value.step,
        };
        let of_key = series.entry(value.key.clone()).or_insert_with(new);
        of_key.count += 1;
        of_key.first_step = of_key.first_step.min(value.step);
        of_key.last_step = of_key.last_step.max(value.step);
    }
    let types: Vec<(String, i16)> = sqlx::query_as(
        "INSERT INTO tracking.value_series AS s (run_key, key, type, count, first_step, last_step) \
         SELECT $1, key, type, 0, first_step, last_step \
         FROM unnest($2::text[], $3::smallint[], $4::bigint[], $5::bigint[]) \
             AS n (key, type, first_step, last_step) ORDER BY key COLLATE \"C\" \
         ON CONFLICT (run_key, key) DO UPDATE SET \
             first_step = least(s.first_step, excluded.first_step), \
             last_step = greatest(s.last_step, excluded.last_step) \
         RETURNING key, type",
    )
    .bind(run.0)
    .bind(series.keys().collect::<Vec<_>>())
    .bind(series.values().map(|s| s.value_type).collect::<Vec<_>>())
    .bind(series.values().map(|s| s.first_step).collect::<Vec<_>>())
    .bind(series.values().map(|s| s.last_step).collect::<Vec<_>>())
    .fetch_all(transaction)
    .await?;
    for (key, value_type) in types {
        let given = series.get(&key).map_or(value_type, |s| s.value_type);
        if given != value_type {
            return Err(TrackingError::ValueTypeChanged {
                key,
                old: name(value_type),
                new: name(given),
            });
        }
    }
    Ok(series.into_iter().map(|(key, s)| (key, s.count)).collect())
}

fn name(value_type: i16) -> String {
    type_name(ValueType::try_from(i32::from(value_type)).unwrap_or_default())
}

/// Keys, digests and bytes of the values that are there in the places of `values`.
async fn replaced(
    transaction: &mut PgConnection,
    run: RunKey,
    values: &[Value],
) -> Result<Vec<(String, Option<Vec<u8>>, i64)>, TrackingError> {
    Ok(sqlx::query_as(
        "SELECT v.key, v.digest, octet_length(v.value) + coalesce(v.size, 0) FROM unnest($2::text[], $3::bigint[], $4::smallint[]) AS n (key, step, index) \
         JOIN tracking.run_values AS v \
             ON v.run_key = $1 AND v.key = n.key AND v.step = n.step AND v.index = n.index",
    )
    .bind(run.0)
    .bind(values.iter().map(|v| &v.key).collect::<Vec<_>>())
    .bind(values.iter().map(|v| v.step).collect::<Vec<_>>())
    .bind(values.iter().map(|v| v.index).collect::<Vec<_>>())
    .fetch_all(transaction)
    .await?)
}

async fn put(
    transaction: &mut PgConnection,
    run: RunKey,
    values: &[Value],
) -> Result<(), TrackingError> {
    let digest = |value: &Value| value.blob.map(|blob| blob.digest.0.to_vec());
    let size = |value: &Value| {
        let size = value.blob.map(|blob| i64::try_from(blob.size));
        size.map(|size| size.unwrap_or(i64::MAX))
    };
    sqlx::query(
        "INSERT INTO tracking.run_values (run_key, key, step, index, time_us, value, digest, size) \
         SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bytea[], \
             $7::bytea[], $8::bigint[]) \
         ON CONFLICT (run_key, key, step, index) DO UPDATE SET time_us = excluded.time_us, \
             value = excluded.value, digest = excluded.digest, size = excluded.size",
    )
    .bind(run.0)
    .bind(values.iter().map(|v| &v.key).collect::<Vec<_>>())
    .bind(values.iter().map(|v| v.step).collect::<Vec<_>>())
    .bind(values.iter().map(|v| v.index).collect::<Vec<_>>())
    .bind(values.iter().map(|v| v.time_us).collect::<Vec<_>>())
    .bind(values.iter().map(Value::encode).collect::<Vec<_>>())
    .bind(values.iter().map(digest).collect::<Vec<_>>())
    .bind(values.iter().map(size).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;

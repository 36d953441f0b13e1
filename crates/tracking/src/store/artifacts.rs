//! The names of artifacts, each with a reference to its blob: of runs and of logged models alike.

use herdbook_blobs::{Blob, References};
use herdbook_core::{Digest, WorkspaceId};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::{Store, usage};
use crate::{
    TrackingError, holder::Holder, logged_model::ModelKey, pedigree, quota::Usage, run::RunKey,
};

/// Entries counted, or deleted, in one transaction.
const AT_ONCE: i64 = 500;

/// What the store calls something that has files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HolderKey {
    Run(RunKey),
    Model(ModelKey),
}

impl HolderKey {
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Run(key) => key.0,
            Self::Model(key) => key.0,
        }
    }

    /// The table of its entries, what its key is called there, and its own table.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Run(_) => ("artifacts", "run_key", "runs"),
            Self::Model(_) => ("logged_model_artifacts", "model_key", "logged_models"),
        }
    }

    /// A statement about its entries: `{entries}`, `{key}` and `{holders}` become those names. Safe, for all
    /// of them are ours.
    pub(super) fn sql(self, statement: &str) -> AssertSqlSafe<String> {
        let (entries, key, holders) = self.names();
        AssertSqlSafe(
            statement
                .replace("{entries}", &format!("tracking.{entries}"))
                .replace("{key}", key)
                .replace("{holders}", &format!("tracking.{holders}")),
        )
    }
}

/// A file of a run or a logged model.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    pub(crate) blob: Blob,
}

/// What a transaction gave up: references that are still to be given back, and the bytes that they counted by.
#[derive(Debug, Default)]
pub(super) struct Freed {
    pub(super) references: References,
    pub(super) bytes: i64,
}

/// An entry whose reference is not that of its digest.
#[derive(FromRow)]
struct Uncounted {
    run_key: i64,
    path: String,
    size: i64,
    digest: Vec<u8>,
    held: Option<Vec<u8>>,
}

impl Store {
    /// The key of what has files, deleted or not.
    pub(crate) async fn holder_key(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
    ) -> Result<HolderKey, TrackingError> {
        Ok(match holder {
            Holder::Run(id) => HolderKey::Run(self.run_key(workspace, id).await?),
            Holder::Model(id) => HolderKey::Model(self.model_key(workspace, id).await?),
        })
    }

    /// Refuses to go on if there is no `holder`, or if it is deleted.
    pub(crate) async fn check_active(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
    ) -> Result<(), TrackingError> {
        match holder {
            Holder::Run(id) => self.active_run(workspace, id).await.map(|_| ()),
            Holder::Model(id) => match self.model_state(workspace, id).await? {
                (_, true) => Err(deleted(holder)),
                (_, false) => Ok(()),
            },
        }
    }

    /// Names `blob`, in place of what had the path before.
    pub(crate) async fn put_artifact(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        path: &str,
        blob: Blob,
    ) -> Result<(), TrackingError> {
        let key = self.holder_key(workspace, holder).await?;
        let path = path.to_owned();
        let entry = Artifact { path, blob };
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        self.name_artifact(
            &mut transaction,
            workspace,
            (holder, key),
            &entry,
            Freed::default(),
        )
        .await?;
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// Does so in `transaction`, which also gave up what is `freed`: all references are locked at once, so that
    /// nobody who locks others waits for them in a circle.
    pub(super) async fn name_artifact(
        &self,
        transaction: &mut PgConnection,
        workspace: WorkspaceId,
        (holder, key): (Holder, HolderKey),
        entry: &Artifact,
        freed: Freed,
    ) -> Result<(), TrackingError> {
        let blob = entry.blob;
        let size = i64::try_from(blob.size).unwrap_or(i64::MAX);
        // What it held is what an entry that was there held, whoever wrote that in the meantime.
        let put: Option<(Option<Vec<u8>>, i64)> = sqlx::query_as(key.sql(
            "INSERT INTO {entries} ({key}, path, size, digest) \
             SELECT {key}, $2, $3, $4 FROM {holders} WHERE {key} = $1 AND deleted_at IS NULL \
             ON CONFLICT ({key}, path) \
                 DO UPDATE SET size = excluded.size, digest = excluded.digest, created_at = now() \
             RETURNING held, counted",
        ))
        .bind(key.number())
        .bind(&entry.path)
        .bind(size)
        .bind(blob.digest.0.as_slice())
        .fetch_optional(&mut *transaction)
        .await?;
        let (before, counted) = put.ok_or(deleted(holder))?;
        sqlx::query(key.sql(
            "UPDATE {entries} SET held = digest, counted = size WHERE {key} = $1 AND path = $2",
        ))
        .bind(key.number())
        .bind(&entry.path)
        .execute(&mut *transaction)
        .await?;
        let mut references = freed.references;
        references.take(blob.digest);
        release(&mut references, before.clone());
        references.apply(&mut *transaction).await?;
        let added = Usage {
            bytes: size - counted - freed.bytes,
            ..Usage::default()
        };
        usage::count(&mut *transaction, workspace, added).await?;
        let changed = before.as_deref() != Some(blob.digest.0.as_slice());
        if let (Holder::Run(run), true) = (holder, changed) {
            let told = pedigree::of_artifact(run, entry).encode();
            self.outbox.add(transaction, workspace, &told).await?;
        }
        Ok(())
    }

    /// Takes the references of at most [`AT_ONCE`] entries that a version wrote which did not
    /// count; whether there may be more.
    pub(crate) async fn count_artifacts(&self) -> Result<bool, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let rows: Vec<Uncounted> = sqlx::query_as(
            "SELECT run_key, path, size, digest, held FROM tracking.artifacts \
             WHERE held IS DISTINCT FROM digest ORDER BY run_key, path LIMIT $1 FOR UPDATE",
        )
        .bind(AT_ONCE)
        .fetch_all(&mut *transaction)
        .await?;
        let mut references = References::default();
        let (mut keys, mut paths) = (Vec::new(), Vec::new());
        for row in rows {
            if let Some(artifact) = read(row.path.clone(), row.size, &row.digest) {
                references.adopt(artifact.blob);
            }
            release(&mut references, row.held);
            keys.push(row.run_key);
            paths.push(row.path);
        }
        references.apply(&mut transaction).await?;
        sqlx::query(
            "UPDATE tracking.artifacts AS a SET held = a.digest \
             FROM unnest($1::bigint[], $2::text[]) AS c (run_key, path) \
             WHERE a.run_key = c.run_key AND a.path = c.path",
        )
        .bind(&keys)
        .bind(&paths)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(!keys.is_empty())
    }

    pub(crate) async fn artifact(
        &self,
        key: HolderKey,
        path: &str,
    ) -> Result<Option<Artifact>, TrackingError> {
        Ok(self
            .artifacts(key, path, None, 1)
            .await?
            .pop()
            .filter(|artifact| artifact.path == path))
    }

    /// The file `path`, or the files below the folder `path` (all, if empty), by path.
    pub(crate) async fn artifacts(
        &self,
        key: HolderKey,
        path: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Artifact>, TrackingError> {
        // A folder's files lie between `folder/` and `folder0`, for `0` comes right after `/`.
        let rows: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(key.sql(
            "SELECT path, size, digest FROM {entries} \
             WHERE {key} = $1 \
                 AND ($2 = '' OR path = $2 OR (path >= $2 || '/' AND path < $2 || '0')) \
                 AND path > $3 \
             ORDER BY path LIMIT $4",
        ))
        .bind(key.number())
        .bind(path)
        .bind(after.unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let artifact = |(path, size, digest): (String, i64, Vec<u8>)| read(path, size, &digest);
        Ok(rows.into_iter().filter_map(artifact).collect())
    }

    /// Deletes the file `path`, or the files below the folder `path` (all, if empty); how many.
    pub(crate) async fn delete_artifacts(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        path: &str,
    ) -> Result<u64, TrackingError> {
        let key = self.holder_key(workspace, holder).await?;
        let mut deleted = 0;
        loop {
            let mut transaction = herdbook_postgres::begin(&self.pool).await?;
            let entries: Vec<(Option<Vec<u8>>, i64)> = sqlx::query_as(key.sql(
                "DELETE FROM {entries} WHERE {key} = $1 AND path IN ( \
                     SELECT path FROM {entries} WHERE {key} = $1 \
                         AND ($2 = '' OR path = $2 OR (path >= $2 || '/' AND path < $2 || '0')) \
                     ORDER BY path LIMIT $3 FOR UPDATE) \
                 RETURNING held, counted",
            ))
            .bind(key.number())
            .bind(path)
            .bind(AT_ONCE)
            .fetch_all(&mut *transaction)
            .await?;
            let count = entries.len();
            let bytes = give_back(&mut transaction, entries).await?;
            let gone = Usage {
                bytes: -bytes,
                ..Usage::default()
            };
            usage::count(&mut transaction, workspace, gone).await?;
            transaction.commit().await?;
            deleted += count as u64;
            if (count as i64) < AT_ONCE {
                return Ok(deleted);
            }
        }
    }
}

/// Removes all entries of what is to be purged, and gives their references back; the bytes by which they
/// counted.
pub(crate) async fn purge(
    transaction: &mut PgConnection,
    key: HolderKey,
) -> Result<i64, TrackingError> {
    let delete = key.sql("DELETE FROM {entries} WHERE {key} = $1 RETURNING held, counted");
    let entries = sqlx::query_as(delete)
        .bind(key.number())
        .fetch_all(&mut *transaction)
        .await?;
    give_back(transaction, entries).await
}

/// Gives back the references of entries that are gone; the bytes by which they counted.
async fn give_back(
    transaction: &mut PgConnection,
    entries: Vec<(Option<Vec<u8>>, i64)>,
) -> Result<i64, TrackingError> {
    let mut references = References::default();
    let mut bytes = 0;
    for (held, counted) in entries {
        release(&mut references, held);
        bytes += counted;
    }
    references.apply(transaction).await?;
    Ok(bytes)
}

fn deleted(holder: Holder) -> TrackingError {
    match holder {
        Holder::Run(id) => TrackingError::RunDeleted(id),
        Holder::Model(id) => TrackingError::LoggedModelDeleted(id),
    }
}

/// Gives the reference back that an entry held, if it held one.
pub(super) fn release(references: &mut References, held: Option<Vec<u8>>) {
    let digest = held.and_then(|held| Digest::try_from(held.as_slice()).ok());
    digest
        .into_iter()
        .for_each(|digest| references.release(digest));
}

pub(super) fn read(path: String, size: i64, digest: &[u8]) -> Option<Artifact> {
    let digest = Digest::try_from(digest).ok()?;
    let size = u64::try_from(size).ok()?;
    Some(Artifact {
        path,
        blob: Blob { digest, size },
    })
}

#[cfg(test)]
mod tests;

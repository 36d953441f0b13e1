//! A store of its own for each test of the references that it holds.

use bytes::Bytes;
use herdbook_blobs::{Blob, BlobStore, Blobs};
use herdbook_core::{RunId, WorkspaceId};
use herdbook_postgres::{Database, Outbox, migrate};
use herdbook_testkit::TestDatabase;
use uuid::Uuid;

use super::Store;
use crate::{holder::Holder, run::RunKey};

pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId(1);

pub(crate) struct Place {
    pub(crate) store: Store,
    blobs: Blobs,
    pub(crate) database: Database,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.database();
        for (schema, migrations) in [
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (crate::SCHEMA, &crate::MIGRATIONS),
        ] {
            migrate(&database, schema, migrations).await.unwrap();
        }
        let store = Store::new(&database, Outbox::new(crate::SCHEMA));
        store.ensure_workspace(WORKSPACE).await.unwrap();
        let blobs = Blobs::new(&database, BlobStore::open("memory:").unwrap());
        Self {
            store,
            blobs,
            database,
        }
    }

    pub(crate) async fn run(&self) -> (RunId, RunKey) {
        let id = Uuid::now_v7();
        let key = sqlx::query_scalar(
            "INSERT INTO tracking.runs (id, workspace_id, experiment_id, name, status, user_name, \
                 started_at, description, params, tags, inputs, based_on) \
             VALUES ($1, 1, 0, '', 1, '', now(), '', '{}', '{}', '[]', '{}') RETURNING run_key",
        )
        .bind(id)
        .fetch_one(self.database.pool())
        .await
        .unwrap();
        (id.into(), RunKey(key))
    }

    pub(crate) async fn blob(&self, content: &'static [u8]) -> Blob {
        let pieces = [Ok::<_, std::io::Error>(Bytes::from_static(content))];
        let pieces = futures::stream::iter(pieces);
        self.blobs.put(pieces, None, None).await.unwrap()
    }

    pub(crate) async fn put(&self, run: RunId, path: &str, content: &'static [u8]) {
        let blob = self.blob(content).await;
        let put = self
            .store
            .put_artifact(WORKSPACE, Holder::Run(run), path, blob);
        put.await.unwrap();
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql)
            .execute(self.database.pool())
            .await
            .unwrap();
    }

    /// References by the size of the blob.
    pub(crate) async fn counts(&self) -> Vec<(i64, i64)> {
        sqlx::query_as("SELECT size, reference_count FROM blobs.blobs ORDER BY size")
            .fetch_all(self.database.pool())
            .await
            .unwrap()
    }
}

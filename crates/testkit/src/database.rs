//! A database of its own for each test.

use std::time::Duration;

use herdbook_postgres::Database;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::cluster::cluster;

/// Patience with a cluster that is being made.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty database on a real Postgres. It goes with the test process.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    url: String,
    database: Database,
}

impl TestDatabase {
    /// Makes a new one.
    pub async fn create() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let server = url("postgres");
        // Waits for the cluster to be there.
        Database::connect(&server, "test", PATIENCE)
            .await
            .expect("the test cluster")
            .close()
            .await;
        let mut connection = PgConnection::connect(&server)
            .await
            .expect("the test cluster");
        sqlx::query(AssertSqlSafe(format!(
            "CREATE DATABASE {name} STRATEGY file_copy"
        )))
        .execute(&mut connection)
        .await
        .expect("a new database");
        connection.close().await.expect("a clean end");
        let url = url(&name);
        let database = Database::connect(&url, "test", PATIENCE)
            .await
            .expect("the new database");
        Self { url, database }
    }

    /// Its address, for other processes and further pools.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A pool on it.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database.clone()
    }
}

fn url(database: &str) -> String {
    let socket = cluster().socket_dir.display();
    format!("postgres://herdbook@localhost/{database}?host={socket}")
}

//! The connection pool.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{kept::FRESH, sqlstate};

/// The oldest server that Herdbook's SQL runs on, as `server_version_num`.
const OLDEST_SERVER: i32 = 140_000;
/// Connections a process opens at most. Commits are grouped, so that few carry much.
const MAX_CONNECTIONS: u32 = 24;
/// How long a call waits for a connection before it is told to try again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest any single statement may run.
const STATEMENT_TIMEOUT: &str = "60s";

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not a Postgres URL.
    #[error(
        "the database URL is not valid: {0}; expected postgres://user:password@host:port/database"
    )]
    InvalidUrl(#[source] sqlx::Error),
    /// No answer, or not let in.
    #[error("cannot connect to Postgres: {0}")]
    Connect(#[source] sqlx::Error),
    /// Too old.
    #[error("Postgres {found} is too old; version 14 or newer is needed")]
    TooOld {
        /// Version of the server.
        found: String,
    },
}

/// A Postgres database that services share; cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// Opens the database at `url`, waiting up to `patience` for a server that is starting.
    /// `application` is shown in `pg_stat_activity`.
    pub async fn connect(
        url: &str,
        application: &str,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let options = PgConnectOptions::from_str(url).map_err(ConnectError::InvalidUrl)?;
        Self::open(options.application_name(application), patience).await
    }

    /// Opens the database that `options` name.
    pub(crate) async fn open(
        options: PgConnectOptions,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let options = options.options([("statement_timeout", STATEMENT_TIMEOUT), ("jit", "off")]);
        check_version(&mut connect_patiently(&options, patience).await?).await?;
        let pool = pool_options(MAX_CONNECTIONS).connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A pool of a few connections apart, for statements that are always the same and find their rows by
    /// key: planned once a connection, and never as a scan, whatever size the tables had by then.
    #[must_use]
    pub fn keyed(&self, connections: u32) -> PgPool {
        let options = PgConnectOptions::clone(&self.pool.connect_options()).options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
        ]);
        pool_options(connections).connect_lazy_with(options)
    }

    /// Closes all connections, after those in use are given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that was in use a moment ago is not tried before each use.
fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_secs(60))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for >= FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// Creates the database of `options` on its server unless it is there.
pub(crate) async fn ensure_exists(
    options: &PgConnectOptions,
    name: &'static str,
    create: &'static str,
    patience: Duration,
) -> Result<(), ConnectError> {
    match connect_patiently(&options.clone().database(name), patience).await {
        Ok(connection) => connection.close().await.map_err(ConnectError::Connect),
        Err(ConnectError::Connect(sqlx::Error::Database(error)))
            if error.code().as_deref() == Some(sqlstate::UNDEFINED_DATABASE) =>
        {
            let mut server =
                connect_patiently(&options.clone().database("postgres"), patience).await?;
            server
                .execute(create)
                .await
                .map_err(ConnectError::Connect)?;
            server.close().await.map_err(ConnectError::Connect)
        }
        Err(error) => Err(error),
    }
}

async fn connect_patiently(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<PgConnection, ConnectError> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let error = match PgConnection::connect_with(options).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let starting = match &error {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(error) => {
                error.code().as_deref().is_some_and(sqlstate::is_passing)
            }
            _ => false,
        };
        if !starting || tokio::time::Instant::now() >= deadline {
            return Err(ConnectError::Connect(error));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn check_version(connection: &mut PgConnection) -> Result<(), ConnectError> {
    let (number, text): (i32, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')",
    )
    .fetch_one(connection)
    .await
    .map_err(ConnectError::Connect)?;
    if number < OLDEST_SERVER {
        return Err(ConnectError::TooOld { found: text });
    }
    Ok(())
}

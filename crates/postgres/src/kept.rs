//! A connection that is kept from statement to statement.

use std::{
    fmt,
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, PgPool, Postgres, pool::PoolConnection};

/// How long a connection that worked is taken to work still.
pub(crate) const FRESH: Duration = Duration::from_secs(1);

/// A connection for one statement after another.
///
/// A pool tries each connection before it hands it out and again when it is given back: two round trips
/// for every statement. Whoever commits all the time keeps its connection instead.
pub struct KeptConnection {
    pool: PgPool,
    connection: Option<PoolConnection<Postgres>>,
    used: Instant,
}

impl fmt::Debug for KeptConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptConnection").finish_non_exhaustive()
    }
}

impl KeptConnection {
    /// One that is taken from `pool` when it is needed first.
    #[must_use]
    pub fn new(pool: &PgPool) -> Self {
        Self {
            pool: pool.clone(),
            connection: None,
            used: Instant::now(),
        }
    }

    /// Runs `work` on it. After a failure the pool looks at it, and the next work gets another.
    pub async fn run<T, E: From<sqlx::Error>>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = match self.connection.take() {
            Some(connection) if self.used.elapsed() < FRESH => connection,
            kept => match alive(kept).await {
                Some(connection) => connection,
                None => self.pool.acquire().await?,
            },
        };
        let done = work(&mut connection).await;
        if done.is_ok() {
            self.connection = Some(connection);
            self.used = Instant::now();
        }
        done
    }
}

/// The connection, if there is one and its server still answers.
async fn alive(kept: Option<PoolConnection<Postgres>>) -> Option<PoolConnection<Postgres>> {
    let mut connection = kept?;
    connection.ping().await.ok().map(|()| connection)
}

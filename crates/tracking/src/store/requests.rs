//! Calls that were done, so that a repeat changes nothing.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, PgConnection};

use super::Store;
use crate::{TrackingError, run::RunKey};

/// Days for which a call is known: clients repeat it within minutes, or when they are started again.
const KEPT_DAYS: i32 = 7;
/// Calls that are forgotten in one statement.
const BATCH: i64 = 10_000;

/// Calls of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Requests {
    /// LogBatch.
    Log,
    /// LogValues.
    Values,
}

impl Requests {
    const ALL: [Self; 2] = [Self::Log, Self::Values];

    fn table(self) -> &'static str {
        match self {
            Self::Log => "tracking.log_requests",
            Self::Values => "tracking.value_requests",
        }
    }

    /// Notes that the call `request_id` is done; `false` if it was before.
    pub(crate) async fn note(
        self,
        transaction: &mut PgConnection,
        run: RunKey,
        request_id: &str,
    ) -> Result<bool, TrackingError> {
        // Safe: the tables are named here.
        let noted = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO {} (run_key, request_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            self.table()
        )))
        .bind(run.0)
        .bind(request_id)
        .execute(transaction)
        .await?;
        Ok(noted.rows_affected() == 1)
    }
}

impl Store {
    /// Which of `requests`, calls of one `kind`, were done.
    pub(crate) async fn requests_done(
        &self,
        kind: Requests,
        requests: &[(RunKey, &str)],
    ) -> Result<HashSet<(RunKey, String)>, TrackingError> {
        // Safe: the tables are named here.
        let rows: Vec<(i64, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT r.run_key, r.request_id \
             FROM unnest($1::bigint[], $2::text[]) AS i (run_key, request_id) \
             JOIN {} r USING (run_key, request_id)",
            kind.table()
        )))
        .bind(requests.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
        .bind(requests.iter().map(|(_, id)| *id).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(run, id)| (RunKey(run), id))
            .collect())
    }

    /// Forgets some calls that are old; whether there may be more.
    pub(crate) async fn forget_requests(&self) -> Result<bool, TrackingError> {
        let mut more = false;
        for requests in Requests::ALL {
            let table = requests.table();
            // Safe: the tables are named here. Other replicas take other rows.
            let forgotten = sqlx::query(AssertSqlSafe(format!(
                "DELETE FROM {table} r USING ( \
                     SELECT run_key, request_id FROM {table} \
                     WHERE at < now() - make_interval(days => $1) LIMIT $2 FOR UPDATE SKIP LOCKED) old \
                 WHERE r.run_key = old.run_key AND r.request_id = old.request_id"
            )))
            .bind(KEPT_DAYS)
            .bind(BATCH)
            .execute(&self.readers)
            .await?;
            more |= forgotten.rows_affected() == BATCH.unsigned_abs();
        }
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::Place;

    #[tokio::test]
    async fn only_calls_of_long_ago_are_forgotten() {
        let place = Place::new().await;
        let (_, run) = place.run().await;
        let mut connection = place.database.pool().acquire().await.unwrap();
        for requests in Requests::ALL {
            for id in ["old", "new"] {
                assert!(requests.note(&mut connection, run, id).await.unwrap());
                assert!(!requests.note(&mut connection, run, id).await.unwrap());
            }
            let age = format!(
                "UPDATE {} SET at = now() - interval '8 days' WHERE request_id = 'old'",
                requests.table()
            );
            sqlx::query(AssertSqlSafe(age))
                .execute(&mut *connection)
                .await
                .unwrap();
        }
        assert!(!place.store.forget_requests().await.unwrap());
        for requests in Requests::ALL {
            assert!(requests.note(&mut connection, run, "old").await.unwrap());
            assert!(!requests.note(&mut connection, run, "new").await.unwrap());
        }
    }
}

//! What each person prefers.

use std::collections::BTreeMap;

use herdbook_rpc::Caller;

use super::Store;
use crate::TeamError;

/// Preferences of one person in one workspace at most.
const MOST: usize = 1_000;

impl Store {
    pub(crate) async fn preferences(
        &self,
        caller: &Caller,
    ) -> Result<BTreeMap<String, String>, TeamError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT key, value FROM team.preferences WHERE workspace_id = $1 AND principal_id = $2",
        )
        .bind(caller.workspace.0)
        .bind(caller.principal.as_uuid())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Sets some of them; an empty value removes its key. In the order of keys, so that two pages of one
    /// person cannot each wait for the other.
    pub(crate) async fn set_preferences(
        &self,
        caller: &Caller,
        preferences: BTreeMap<String, String>,
    ) -> Result<(), TeamError> {
        let (removed, set): (Vec<_>, Vec<_>) = preferences
            .into_iter()
            .partition(|(_, value)| value.is_empty());
        let removed: Vec<String> = removed.into_iter().map(|(key, _)| key).collect();
        let (keys, values): (Vec<String>, Vec<String>) = set.into_iter().unzip();
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        sqlx::query(
            "DELETE FROM team.preferences \
             WHERE workspace_id = $1 AND principal_id = $2 AND key = ANY($3)",
        )
        .bind(caller.workspace.0)
        .bind(caller.principal.as_uuid())
        .bind(removed)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO team.preferences (workspace_id, principal_id, key, value) \
             SELECT $1, $2, key, value FROM unnest($3::text[], $4::text[]) AS given (key, value) \
             ON CONFLICT (workspace_id, principal_id, key) DO UPDATE SET value = excluded.value",
        )
        .bind(caller.workspace.0)
        .bind(caller.principal.as_uuid())
        .bind(keys)
        .bind(values)
        .execute(&mut *transaction)
        .await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM team.preferences WHERE workspace_id = $1 AND principal_id = $2",
        )
        .bind(caller.workspace.0)
        .bind(caller.principal.as_uuid())
        .fetch_one(&mut *transaction)
        .await?;
        if count > super::limit(MOST) {
            return Err(TeamError::TooMany {
                what: "preferences of one person",
                limit: MOST,
            });
        }
        Ok(transaction.commit().await?)
    }
}

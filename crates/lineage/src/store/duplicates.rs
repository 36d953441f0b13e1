//! Data that is recorded under more than one name.

use super::Snapshot;
use crate::{
    LineageError,
    node::{NodeKey, kind},
};

impl Snapshot {
    /// Up to `limit` groups of data sets of one digest after the digest `after`, by digest.
    pub(crate) async fn duplicates(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Vec<NodeKey>>, LineageError> {
        let rows: Vec<(String, Vec<String>)> = sqlx::query_as(
            // What looks like no digest is a version that many may have.
            "SELECT version, (array_agg(name ORDER BY name))[1:100] FROM lineage.nodes \
             WHERE workspace_id = $1 AND kind = 'dataset' AND version <> '' AND version > $2 \
                 AND version ~ '^[a-z0-9]+:[0-9a-f]{8,}$|^[0-9a-f]{16,}$' \
             GROUP BY version HAVING count(*) > 1 ORDER BY version LIMIT $3",
        )
        .bind(self.workspace.0)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.transaction)
        .await?;
        let group = |(version, names): (String, Vec<String>)| {
            let key = |name| NodeKey {
                kind: kind::DATASET.to_owned(),
                name,
                version: version.clone(),
            };
            names.into_iter().map(key).collect()
        };
        Ok(rows.into_iter().map(group).collect())
    }
}

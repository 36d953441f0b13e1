//! Tags of nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Store, history::keep};
use crate::{LineageError, node::NodeId};

impl Store {
    /// Adds and removes tags on all of `nodes`.
    pub(crate) async fn tag(
        &self,
        nodes: &[NodeId],
        add: &BTreeSet<String>,
        remove: &[String],
    ) -> Result<(), LineageError> {
        let mut transaction = self.pool.begin().await?;
        let mut ids: Vec<i64> = nodes.iter().map(|node| node.0).collect();
        ids.sort_unstable();
        let changed: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM lineage.nodes WHERE id = ANY($1) \
                 AND NOT (tags @> $2 AND NOT tags ?| $3) ORDER BY id FOR UPDATE",
        )
        .bind(ids)
        .bind(add.iter().map(String::as_str).collect::<Value>())
        .bind(remove)
        .fetch_all(&mut *transaction)
        .await?;
        keep(&mut transaction, &changed).await?;
        sqlx::query(
            "UPDATE lineage.nodes SET known_from = greatest(now(), known_from), tags = ( \
                 SELECT coalesce(jsonb_agg(tag ORDER BY tag), '[]') FROM ( \
                     SELECT jsonb_array_elements_text(tags) UNION \
                     SELECT jsonb_array_elements_text($2)) AS all_tags (tag) \
                 WHERE tag <> ALL ($3)) \
             WHERE id = ANY($1)",
        )
        .bind(changed)
        .bind(add.iter().map(String::as_str).collect::<Value>())
        .bind(remove)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

//! Tags of nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Store;
use crate::{LineageError, node::NodeId};

impl Store {
    /// Adds and removes tags on all of `nodes`.
    pub(crate) async fn tag(
        &self,
        nodes: &[NodeId],
        add: &BTreeSet<String>,
        remove: &[String],
    ) -> Result<(), LineageError> {
        sqlx::query(
            "UPDATE lineage.nodes SET tags = ( \
                 SELECT coalesce(jsonb_agg(tag ORDER BY tag), '[]') FROM ( \
                     SELECT jsonb_array_elements_text(tags) UNION \
                     SELECT jsonb_array_elements_text($2)) AS all_tags (tag) \
                 WHERE tag <> ALL ($3)) \
             WHERE id = ANY($1)",
        )
        .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
        .bind(add.iter().map(String::as_str).collect::<Value>())
        .bind(remove)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

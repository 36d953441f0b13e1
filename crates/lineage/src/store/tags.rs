//! Tags of nodes.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Snapshot, Store, history::keep, past::stands};
use crate::{LineageError, node::NodeId};

impl Store {
    /// Adds and removes tags on all of `nodes`.
    pub(crate) async fn tag(
        &self,
        nodes: &[NodeId],
        add: &BTreeSet<String>,
        remove: &[String],
    ) -> Result<(), LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
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

impl Snapshot {
    /// The tags of those of `ids` that have some.
    pub(crate) async fn tags(
        &mut self,
        ids: &[NodeId],
    ) -> Result<HashMap<NodeId, BTreeSet<String>>, LineageError> {
        let statement = match self.past {
            Some(_) => concat!(
                "SELECT s.id, ARRAY(SELECT jsonb_array_elements_text(s.tags)) FROM lineage.node_states AS s \
                 WHERE s.id = ANY($1) AND s.tags <> '[]' AND ",
                stands!("s")
            ),
            None => {
                "SELECT id, ARRAY(SELECT jsonb_array_elements_text(tags)) FROM lineage.nodes \
                 WHERE id = ANY($1) AND tags <> '[]'"
            }
        };
        let mut query =
            sqlx::query_as(statement).bind(ids.iter().map(|id| id.0).collect::<Vec<_>>());
        if let Some(moment) = self.past {
            query = query.bind(moment.known_at).bind(moment.held_at);
        }
        let rows: Vec<(i64, Vec<String>)> = query.fetch_all(&mut *self.transaction).await?;
        let tags = |(id, tags): (i64, Vec<String>)| (NodeId(id), tags.into_iter().collect());
        Ok(rows.into_iter().map(tags).collect())
    }
}

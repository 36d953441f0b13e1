//! Other names of nodes.
//!
//! An alias leads from a key to a key, which may have become an alias since: a merged node's old
//! aliases lead on to the one it was merged into. No node is ever recorded under a key that is an alias.

use std::collections::BTreeMap;

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use sqlx::{FromRow, PgConnection};

use super::{
    Store,
    record::{find, key_columns},
};
use crate::{
    LineageError,
    node::{NodeId, NodeKey},
    reference::Reference,
};

#[derive(FromRow)]
struct AliasRow {
    kind: String,
    name: String,
    version: String,
    target_kind: String,
    target_name: String,
    target_version: String,
}

impl AliasRow {
    fn into_entry(self) -> (NodeKey, NodeKey) {
        let key = |kind, name, version| NodeKey {
            kind,
            name,
            version,
        };
        (
            key(self.kind, self.name, self.version),
            key(self.target_kind, self.target_name, self.target_version),
        )
    }
}

/// The keys that are meant by those of `keys` that are aliases.
pub(super) async fn meant(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    keys: &[&NodeKey],
) -> Result<BTreeMap<NodeKey, NodeKey>, LineageError> {
    let mut meant = look_up(connection, workspace, keys).await?;
    let mut last: Vec<NodeKey> = meant.values().cloned().collect();
    while !last.is_empty() {
        let next = look_up(connection, workspace, &last.iter().collect::<Vec<_>>()).await?;
        for key in meant.values_mut() {
            if let Some(further) = next.get(key) {
                *key = further.clone();
            }
        }
        last = next.into_values().collect();
    }
    Ok(meant)
}

async fn look_up(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    keys: &[&NodeKey],
) -> Result<BTreeMap<NodeKey, NodeKey>, LineageError> {
    let (kinds, names, versions) = key_columns(keys);
    let rows: Vec<AliasRow> = sqlx::query_as(
        // Without aliases the workspace is looked up once, whatever the number of keys.
        "SELECT a.kind, a.name, a.version, a.target_kind, a.target_name, a.target_version \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS k (kind, name, version) \
         CROSS JOIN LATERAL (SELECT * FROM lineage.aliases \
             WHERE workspace_id = $1 AND kind = k.kind AND name = k.name AND version = k.version OFFSET 0) a \
         WHERE EXISTS (SELECT FROM lineage.aliases WHERE workspace_id = $1)",
    )
    .bind(workspace.0)
    .bind(kinds)
    .bind(names)
    .bind(versions)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(AliasRow::into_entry).collect())
}

/// The nodes that a reference means by other names than their own, newest first.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    reference: &Reference,
    version: Option<&str>,
) -> Result<Vec<NodeId>, LineageError> {
    let name = match version {
        Some(_) => reference.name(),
        None => &reference.rest,
    };
    let ids: Vec<i64> = sqlx::query_scalar(
        "WITH RECURSIVE other AS ( \
             SELECT target_kind AS kind, target_name AS name, target_version AS version FROM lineage.aliases \
             WHERE workspace_id = $1 AND kind = $2 AND name = $3 AND ($4::text IS NULL OR version = $4) \
             UNION SELECT a.target_kind, a.target_name, a.target_version FROM other AS o \
             JOIN lineage.aliases AS a ON a.workspace_id = $1 AND a.kind = o.kind AND a.name = o.name \
                 AND a.version = o.version) \
         SELECT n.id FROM other AS o JOIN lineage.nodes AS n ON n.workspace_id = $1 AND n.kind = o.kind \
             AND n.name = o.name AND n.version = o.version ORDER BY n.id DESC",
    )
    .bind(workspace.0)
    .bind(&reference.kind)
    .bind(name)
    .bind(version)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// Lets `alias` mean `node`, whose keys are none of aliases.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    alias: &NodeKey,
    node: &NodeKey,
    by: &str,
) -> Result<(), LineageError> {
    sqlx::query(
        "INSERT INTO lineage.aliases (workspace_id, kind, name, version, target_kind, target_name, \
             target_version, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(workspace.0)
    .bind(&alias.kind)
    .bind(&alias.name)
    .bind(&alias.version)
    .bind(&node.kind)
    .bind(&node.name)
    .bind(&node.version)
    .bind(by)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Lets `alias` mean `node`; returns the key that both mean now.
    pub(crate) async fn set_alias(
        &self,
        workspace: WorkspaceId,
        alias: &NodeKey,
        node: &NodeKey,
        by: &str,
    ) -> Result<NodeKey, LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        advisory::seize_lineage_nodes(&mut transaction, workspace).await?;
        let names = meant(&mut transaction, workspace, &[alias, node]).await?;
        let node = names.get(node).unwrap_or(node);
        match names.get(alias) {
            Some(means) if means == node => return Ok(node.clone()),
            Some(means) => {
                return Err(LineageError::AliasTaken {
                    alias: alias.brief(),
                    means: means.brief(),
                });
            }
            None => {}
        }
        let found = find(&mut transaction, workspace, &[alias, node]).await?;
        if !found.contains_key(node) {
            return Err(LineageError::nothing_recorded(node));
        }
        if found.contains_key(alias) {
            return Err(LineageError::AliasIsNode(alias.brief()));
        }
        insert(&mut transaction, workspace, alias, node, by).await?;
        transaction.commit().await?;
        Ok(node.clone())
    }
}

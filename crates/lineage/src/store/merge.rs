//! Making two nodes one.

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use sqlx::PgConnection;

use super::{
    Store, aliases, columns,
    connect::name,
    edges::edges_of,
    facets,
    history::{Ending, end_edges_of, end_nodes},
    record::{FactColumns, check_size, facts_for_update, find},
    revision::advance,
};
use crate::{
    LineageError,
    error::show_cycle,
    graph::{Direction, Walk},
    node::{NodeId, NodeKey},
};

impl Store {
    /// Folds the node of the key `from` into that of `into`; returns the key that both mean now.
    pub(crate) async fn merge(
        &self,
        workspace: WorkspaceId,
        from: &NodeKey,
        into: &NodeKey,
        ending: Ending<'_>,
    ) -> Result<NodeKey, LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let connection: &mut PgConnection = &mut transaction;
        // Nobody records meanwhile, so neither is an edge added that would close a cycle.
        advisory::seize_lineage_nodes(connection, workspace).await?;
        let names = aliases::meant(connection, workspace, &[from, into]).await?;
        let from = names.get(from).unwrap_or(from);
        let into = names.get(into).unwrap_or(into);
        if from == into {
            return Ok(into.clone());
        }
        let found = find(connection, workspace, &[from, into]).await?;
        let id = |key: &NodeKey| {
            let id = found.get(key).copied();
            id.ok_or_else(|| LineageError::nothing_recorded(key))
        };
        let (from_id, into_id) = (id(from)?, id(into)?);
        check_apart(connection, from_id, into_id).await?;
        fold_facts(connection, from_id, into_id).await?;
        sqlx::query(
            "INSERT INTO lineage.edges (workspace_id, source, target, type, label, held_from, held_until) \
             SELECT workspace_id, CASE source WHEN $1 THEN $2 ELSE source END, \
                 CASE target WHEN $1 THEN $2 ELSE target END, type, label, held_from, held_until \
             FROM lineage.edges WHERE source = $1 OR target = $1 ON CONFLICT DO NOTHING",
        )
        .bind(from_id.0)
        .bind(into_id.0)
        .execute(&mut *connection)
        .await?;
        columns::fold(connection, from_id, into_id).await?;
        facets::fold(connection, from_id, into_id).await?;
        let reason = format!("merged into {into}: {}", ending.reason);
        let ending = Ending {
            reason: &reason,
            ..ending
        };
        let edges = end_edges_of(connection, &[from_id.0], ending).await?;
        end_nodes(connection, &[from_id.0], ending).await?;
        aliases::insert(connection, workspace, from, into, ending.by).await?;
        if edges > 0 {
            advance(connection, workspace, None).await?;
        }
        transaction.commit().await?;
        Ok(into.clone())
    }
}

/// Writes what is known of either to `into`.
async fn fold_facts(
    connection: &mut PgConnection,
    from: NodeId,
    into: NodeId,
) -> Result<(), LineageError> {
    let mut known = facts_for_update(connection, &[from.0, into.0]).await?;
    let (Some((folded, bare)), Some((kept, _))) = (known.remove(&from.0), known.remove(&into.0))
    else {
        return Ok(());
    };
    let mut merged = folded;
    merged.merge(&kept);
    if bare || merged == kept {
        return Ok(());
    }
    check_size(&merged)?;
    let mut changed = FactColumns::default();
    changed.push(&merged);
    changed.write(connection, vec![into.0]).await
}

/// Checks that neither descends from the other: made one, it would descend from itself.
async fn check_apart(
    connection: &mut PgConnection,
    one: NodeId,
    other: NodeId,
) -> Result<(), LineageError> {
    for (below, above) in [(one, other), (other, one)] {
        let mut walk = Walk::new(Direction::Ancestors, &[below], usize::MAX);
        while !walk.frontier().is_empty() && walk.depth_of(above).is_none() {
            let edges = edges_of(connection, Direction::Ancestors, walk.frontier()).await?;
            walk.advance(edges);
        }
        if walk.depth_of(above).is_some() {
            let along = walk.path(above).into_iter().map(|edge| edge.source);
            let along: Vec<_> = along.chain([below]).collect();
            let names = name(connection, &along).await?;
            return Err(LineageError::Cycle(show_cycle(&names)));
        }
    }
    Ok(())
}

//! Taking nodes and edges back.

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use sqlx::PgConnection;

use super::{
    Store,
    aliases::meant,
    history::{Ending, end_edges, end_edges_of, end_nodes},
    record::find,
    revision::advance,
};
use crate::{LineageError, batch::Batch, edge::Edge, node::NodeKey};

/// How much was taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retracted {
    pub(crate) nodes: u64,
    pub(crate) edges: u64,
}

/// Edges that an error shows.
const SHOWN: i64 = 5;

impl Store {
    /// Takes back `nodes`, and the edges of `batch`, whose nodes are their ends; all edges of the nodes
    /// `with_edges`.
    pub(crate) async fn retract(
        &self,
        workspace: WorkspaceId,
        nodes: &[NodeKey],
        edges: &Batch,
        with_edges: bool,
        ending: Ending<'_>,
    ) -> Result<Retracted, LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let connection: &mut PgConnection = &mut transaction;
        advisory::seize_lineage_nodes(connection, workspace).await?;
        let keys: Vec<&NodeKey> = nodes.iter().chain(edges.nodes.keys()).collect();
        let names = meant(connection, workspace, &keys).await?;
        let key = |key: &NodeKey| names.get(key).unwrap_or(key).clone();
        let keys: Vec<NodeKey> = keys.into_iter().map(key).collect();
        let found = find(connection, workspace, &keys.iter().collect::<Vec<_>>()).await?;
        for missing in keys.iter().filter(|key| !found.contains_key(*key)) {
            check_known(connection, workspace, missing).await?;
        }
        let id = |node: &NodeKey| found.get(&key(node)).copied();
        let edges: Vec<_> = edges
            .edges
            .iter()
            .filter_map(|edge| {
                Some(Edge {
                    source: id(&edge.source)?,
                    target: id(&edge.target)?,
                    edge_type: edge.edge_type,
                    label: edge.label.clone(),
                })
            })
            .collect();
        let ids: Vec<i64> = nodes.iter().filter_map(id).map(|id| id.0).collect();
        let mut retracted = end_edges(connection, &edges, ending).await?;
        if with_edges {
            retracted += end_edges_of(connection, &ids, ending).await?;
        }
        check_free(connection, &ids).await?;
        let retracted = Retracted {
            nodes: end_nodes(connection, &ids, ending).await?,
            edges: retracted,
        };
        if retracted.edges > 0 {
            advance(connection, workspace, None).await?;
        }
        transaction.commit().await?;
        Ok(retracted)
    }
}

/// Checks that `key` was recorded once.
async fn check_known(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: &NodeKey,
) -> Result<(), LineageError> {
    let known: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM lineage.node_history \
             WHERE workspace_id = $1 AND kind = $2 AND name = $3 AND version = $4)",
    )
    .bind(workspace.0)
    .bind(&key.kind)
    .bind(&key.name)
    .bind(&key.version)
    .fetch_one(connection)
    .await?;
    match known {
        true => Ok(()),
        false => Err(LineageError::nothing_recorded(key)),
    }
}

/// Checks that the nodes of these ids have no edges.
async fn check_free(connection: &mut PgConnection, ids: &[i64]) -> Result<(), LineageError> {
    let rows: Vec<(Vec<String>, Vec<String>)> = sqlx::query_as(
        "SELECT ARRAY[s.kind, s.name, s.version], ARRAY[t.kind, t.name, t.version] \
         FROM (SELECT source, target FROM lineage.edges WHERE source = ANY($1) OR target = ANY($1) LIMIT $2) AS e \
         JOIN lineage.nodes AS s ON s.id = e.source JOIN lineage.nodes AS t ON t.id = e.target",
    )
    .bind(ids)
    .bind(SHOWN)
    .fetch_all(connection)
    .await?;
    let brief = |parts: &Vec<String>| match parts.as_slice() {
        [kind, name, version] => NodeKey {
            kind: kind.clone(),
            name: name.clone(),
            version: version.clone(),
        }
        .brief(),
        _ => String::new(),
    };
    let edges: Vec<_> = rows
        .iter()
        .map(|(source, target)| format!("{} -> {}", brief(source), brief(target)))
        .collect();
    match edges.is_empty() {
        true => Ok(()),
        false => Err(LineageError::HasEdges(edges)),
    }
}

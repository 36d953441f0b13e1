//! Reading the graph, each question from one snapshot.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::SNAPSHOT;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, Postgres, Transaction};

use super::{Store, record::facts_of};
use crate::{
    LineageError,
    edge::{Edge, EdgeType},
    graph::{Direction, Walk},
    node::{Node, NodeId, NodeKey},
    reference::{Reference, nearest},
};

/// Names that are looked at when a reference means nothing.
const CANDIDATES: i64 = 200;

/// What the graph was at one moment.
pub(crate) struct Snapshot {
    transaction: Transaction<'static, Postgres>,
    workspace: WorkspaceId,
}

#[derive(FromRow)]
struct NodeRow {
    id: i64,
    kind: String,
    name: String,
    version: String,
    attributes: Value,
    attribute_revisions: Value,
    revision: i64,
    tags: Value,
    bare: bool,
    recorded_at: DateTime<Utc>,
}

impl From<NodeRow> for Node {
    fn from(row: NodeRow) -> Self {
        Self {
            key: NodeKey {
                kind: row.kind,
                name: row.name,
                version: row.version,
            },
            facts: facts_of(
                &row.attributes,
                &row.attribute_revisions,
                row.revision,
                &row.tags,
            ),
            bare: row.bare,
            recorded_at: row.recorded_at,
        }
    }
}

impl Store {
    /// Opens a snapshot of the graph of `workspace`.
    pub(crate) async fn snapshot(&self, workspace: WorkspaceId) -> Result<Snapshot, LineageError> {
        let transaction = self.pool.begin_with(SNAPSHOT).await?;
        Ok(Snapshot {
            transaction,
            workspace,
        })
    }
}

impl Snapshot {
    pub(super) fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The connection that sees this moment.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The nodes that `reference` means, newest first; an error if there are none.
    pub(crate) async fn resolve(
        &mut self,
        reference: &Reference,
    ) -> Result<Vec<NodeId>, LineageError> {
        if let Some(exact) = reference.exact() {
            let found: Option<i64> = sqlx::query_scalar(
                "SELECT id FROM lineage.nodes \
                 WHERE workspace_id = $1 AND kind = $2 AND name = $3 AND version = $4",
            )
            .bind(self.workspace.0)
            .bind(&exact.kind)
            .bind(&exact.name)
            .bind(&exact.version)
            .fetch_optional(&mut *self.transaction)
            .await?;
            if let Some(id) = found {
                return Ok(vec![NodeId(id)]);
            }
        }
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM lineage.nodes WHERE workspace_id = $1 AND kind = $2 AND name = $3 \
             ORDER BY id DESC",
        )
        .bind(self.workspace.0)
        .bind(&reference.kind)
        .bind(&reference.rest)
        .fetch_all(&mut *self.transaction)
        .await?;
        if ids.is_empty() {
            return Err(self.not_found(reference).await?);
        }
        Ok(ids.into_iter().map(NodeId).collect())
    }

    /// The error for a reference that means nothing, with what looks like it: names of its kind that
    /// stand next to it in the order of names.
    async fn not_found(&mut self, reference: &Reference) -> Result<LineageError, LineageError> {
        let prefix: String = reference.name().chars().take(3).collect();
        let keys: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT kind, name, version FROM lineage.nodes \
             WHERE workspace_id = $1 AND kind = $2 AND name >= $3 ORDER BY name, version LIMIT $4",
        )
        .bind(self.workspace.0)
        .bind(&reference.kind)
        .bind(prefix)
        .bind(CANDIDATES)
        .fetch_all(&mut *self.transaction)
        .await?;
        let keys = keys.into_iter().map(|(kind, name, version)| NodeKey {
            kind,
            name,
            version,
        });
        let near = nearest(reference, keys.collect())
            .iter()
            .map(NodeKey::brief)
            .collect();
        Ok(LineageError::NodeNotFound {
            reference: reference.to_string(),
            near,
        })
    }

    /// Walks from `starts` until the end, `depth` edges (0: no bound) or `limit` nodes; stops early
    /// where `enough` says so.
    pub(crate) async fn walk(
        &mut self,
        direction: Direction,
        starts: &[NodeId],
        depth: u32,
        limit: usize,
        enough: impl Fn(&Walk) -> bool,
    ) -> Result<Walk, LineageError> {
        let mut walk = Walk::new(direction, starts, limit);
        while !walk.frontier().is_empty() && !enough(&walk) {
            if depth != 0 && walk.depth() >= depth {
                walk.cut_short();
                break;
            }
            let edges = self.edges_of(direction, walk.frontier()).await?;
            walk.advance(edges);
        }
        Ok(walk)
    }

    pub(crate) async fn edges_of(
        &mut self,
        direction: Direction,
        nodes: &[NodeId],
    ) -> Result<Vec<Edge<NodeId>>, LineageError> {
        // LATERAL with OFFSET 0 keeps one index look-up a node, however many nodes there are.
        let statement = match direction {
            Direction::Ancestors => {
                "SELECT e.source, e.target, e.type, e.label FROM unnest($1::bigint[]) AS f (id) \
                 CROSS JOIN LATERAL (SELECT * FROM lineage.edges WHERE target = f.id OFFSET 0) e \
                 ORDER BY e.source, e.target, e.type, e.label"
            }
            Direction::Descendants => {
                "SELECT e.source, e.target, e.type, e.label FROM unnest($1::bigint[]) AS f (id) \
                 CROSS JOIN LATERAL (SELECT * FROM lineage.edges WHERE source = f.id OFFSET 0) e \
                 ORDER BY e.source, e.target, e.type, e.label"
            }
        };
        let rows: Vec<(i64, i64, i16, String)> = sqlx::query_as(statement)
            .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
            .fetch_all(&mut *self.transaction)
            .await?;
        let edge = |(source, target, number, label): (i64, i64, i16, String)| {
            let edge_type = EdgeType::from_number(number.into())?;
            Some(Edge {
                source: NodeId(source),
                target: NodeId(target),
                edge_type,
                label,
            })
        };
        Ok(rows.into_iter().filter_map(edge).collect())
    }

    /// The nodes of these ids.
    pub(crate) async fn nodes(
        &mut self,
        ids: &[NodeId],
    ) -> Result<HashMap<NodeId, Node>, LineageError> {
        let rows: Vec<NodeRow> = sqlx::query_as(
            "SELECT id, kind, name, version, attributes, attribute_revisions, revision, tags, bare, \
                 recorded_at \
             FROM lineage.nodes WHERE id = ANY($1)",
        )
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (NodeId(row.id), row.into()))
            .collect())
    }

    /// Those of `ids` that are model versions in `stage` (in any, if empty), by model and number.
    pub(crate) async fn versions_in_stage(
        &mut self,
        ids: &[NodeId],
        stage: &str,
    ) -> Result<Vec<NodeId>, LineageError> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM lineage.nodes WHERE id = ANY($1) AND kind = 'model_version' \
                 AND ($2 = '' OR attributes->>'stage' = $2) \
             ORDER BY name, length(version), version",
        )
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .bind(stage)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(ids.into_iter().map(NodeId).collect())
    }
}

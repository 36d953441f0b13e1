//! Reading the graph, each question from one snapshot.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, Postgres, Transaction};

use super::{
    Store, aliases,
    edges::edges_of,
    memory::{Memory, View},
    past::{self, stands},
    record::facts_of,
};
use crate::{
    LineageError,
    edge::{Edge, EdgeType},
    facts::Facts,
    graph::{Direction, Walk},
    moment::{Held, Moment},
    node::{Node, NodeId, NodeKey},
    reference::{Reference, nearest},
};

/// Names that are looked at when a reference means nothing.
const CANDIDATES: i64 = 200;

/// What the graph was at one moment.
pub(crate) struct Snapshot {
    pub(super) transaction: Transaction<'static, Postgres>,
    pub(super) workspace: WorkspaceId,
    pub(super) memory: Memory,
    /// Types of the edges to walk along; all if empty.
    types: Vec<EdgeType>,
    /// The graph in memory, once it was asked for; `None` if Postgres is to be asked.
    pub(super) view: Option<Option<View>>,
    /// The past that is read; `None` for what is known now.
    pub(super) past: Option<Moment>,
}

#[derive(FromRow)]
pub(super) struct NodeRow {
    pub(super) id: i64,
    kind: String,
    name: String,
    version: String,
    attributes: Value,
    attribute_revisions: Value,
    revision: i64,
    tags: Value,
    bare: bool,
    recorded_at: DateTime<Utc>,
    held_from: Option<DateTime<Utc>>,
    held_until: Option<DateTime<Utc>>,
}

impl From<NodeRow> for Node {
    fn from(row: NodeRow) -> Self {
        Self {
            key: NodeKey {
                kind: row.kind,
                name: row.name,
                version: row.version,
            },
            facts: Facts {
                held: Held {
                    from: row.held_from,
                    until: row.held_until,
                },
                ..facts_of(
                    &row.attributes,
                    &row.attribute_revisions,
                    row.revision,
                    &row.tags,
                )
            },
            bare: row.bare,
            recorded_at: row.recorded_at,
        }
    }
}

impl Store {
    /// Opens a snapshot of the graph of `workspace`.
    pub(crate) async fn snapshot(&self, workspace: WorkspaceId) -> Result<Snapshot, LineageError> {
        let transaction = herdbook_postgres::begin_snapshot(&self.pool).await?;
        Ok(Snapshot {
            transaction,
            workspace,
            memory: self.memory.clone(),
            types: Vec::new(),
            view: None,
            past: None,
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

    /// Walks along edges of `types` alone from now on; of all, if empty.
    pub(crate) fn following(self, types: Vec<EdgeType>) -> Self {
        Self { types, ..self }
    }

    /// Reads the graph of `moment` from now on.
    pub(crate) fn at(self, moment: Moment) -> Self {
        let past = Some(moment).filter(|moment| *moment != Moment::default());
        Self { past, ..self }
    }

    /// The nodes that `reference` means, newest first; an error if there are none.
    pub(crate) async fn resolve(
        &mut self,
        reference: &Reference,
    ) -> Result<Vec<NodeId>, LineageError> {
        let ids = match self.past {
            Some(moment) => {
                past::resolve(&mut self.transaction, self.workspace, moment, reference).await?
            }
            None => self.resolve_now(reference).await?,
        };
        match ids.is_empty() {
            true => Err(self.not_found(reference).await?),
            false => Ok(ids),
        }
    }

    async fn resolve_now(&mut self, reference: &Reference) -> Result<Vec<NodeId>, LineageError> {
        let (connection, workspace) = (&mut *self.transaction, self.workspace);
        if let Some(exact) = reference.exact() {
            let found: Option<i64> = sqlx::query_scalar(
                "SELECT id FROM lineage.nodes \
                 WHERE workspace_id = $1 AND kind = $2 AND name = $3 AND version = $4",
            )
            .bind(self.workspace.0)
            .bind(&exact.kind)
            .bind(&exact.name)
            .bind(&exact.version)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(id) = found {
                return Ok(vec![NodeId(id)]);
            }
            let version = Some(exact.version.as_str());
            let other = aliases::resolve(connection, workspace, reference, version).await?;
            if !other.is_empty() {
                return Ok(other);
            }
        }
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM lineage.nodes WHERE workspace_id = $1 AND kind = $2 AND name = $3 \
             ORDER BY id DESC",
        )
        .bind(self.workspace.0)
        .bind(&reference.kind)
        .bind(&reference.rest)
        .fetch_all(&mut *connection)
        .await?;
        let mut ids: Vec<_> = ids.into_iter().map(NodeId).collect();
        ids.extend(aliases::resolve(connection, workspace, reference, None).await?);
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        Ok(ids)
    }

    /// The error for a reference that means nothing, with what looks like it: names of its kind that
    /// stand next to it in the order of names.
    pub(super) async fn not_found(
        &mut self,
        reference: &Reference,
    ) -> Result<LineageError, LineageError> {
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
            walk.advance(self.edges_of(direction, walk.frontier()).await?);
        }
        Ok(walk)
    }

    /// The edges by which `direction` goes on from `nodes`, in order.
    pub(crate) async fn edges_of(
        &mut self,
        direction: Direction,
        nodes: &[NodeId],
    ) -> Result<Vec<Edge<NodeId>>, LineageError> {
        let mut edges = match self.past {
            Some(moment) => past::edges_of(&mut self.transaction, moment, direction, nodes).await?,
            None => self.edges_now(direction, nodes).await?,
        };
        if !self.types.is_empty() {
            edges.retain(|edge| self.types.contains(&edge.edge_type));
        }
        Ok(edges)
    }

    async fn edges_now(
        &mut self,
        direction: Direction,
        nodes: &[NodeId],
    ) -> Result<Vec<Edge<NodeId>>, LineageError> {
        let view = match &self.view {
            Some(view) => view,
            None => {
                let view = self.memory.view(&mut self.transaction, self.workspace);
                &*self.view.insert(view.await?)
            }
        };
        match view {
            Some(view) => Ok(view.edges_of(direction, nodes)),
            None => edges_of(&mut self.transaction, direction, nodes).await,
        }
    }

    /// The nodes of these ids.
    pub(crate) async fn nodes(
        &mut self,
        ids: &[NodeId],
    ) -> Result<HashMap<NodeId, Node>, LineageError> {
        let statement = match self.past {
            Some(_) => concat!(
                "SELECT s.id, s.kind, s.name, s.version, s.attributes, s.attribute_revisions, s.revision, \
                     s.tags, s.bare, s.recorded_at, s.held_from, s.held_until \
                 FROM lineage.node_states AS s WHERE s.id = ANY($1) AND ",
                stands!("s")
            ),
            None => {
                "SELECT id, kind, name, version, attributes, attribute_revisions, revision, tags, bare, \
                     recorded_at, held_from, held_until \
                 FROM lineage.nodes WHERE id = ANY($1)"
            }
        };
        let mut query =
            sqlx::query_as(statement).bind(ids.iter().map(|id| id.0).collect::<Vec<_>>());
        if let Some(moment) = self.past {
            query = query.bind(moment.known_at).bind(moment.held_at);
        }
        let rows: Vec<NodeRow> = query.fetch_all(&mut *self.transaction).await?;
        Ok(rows
            .into_iter()
            .map(|row| (NodeId(row.id), row.into()))
            .collect())
    }

    /// All nodes that have `tag`, by id.
    pub(crate) async fn tagged(&mut self, tag: &str) -> Result<Vec<NodeId>, LineageError> {
        let statement = match self.past {
            Some(_) => concat!(
                "SELECT s.id FROM lineage.node_states AS s \
                 WHERE s.tags ? $4 AND s.tags <> '[]' AND s.workspace_id = $1 AND ",
                stands!("s"),
                "ORDER BY s.id"
            ),
            None => {
                "SELECT id FROM lineage.nodes \
                 WHERE tags ? $2 AND tags <> '[]' AND workspace_id = $1 ORDER BY id"
            }
        };
        let mut query = sqlx::query_scalar(statement).bind(self.workspace.0);
        if let Some(moment) = self.past {
            query = query.bind(moment.known_at).bind(moment.held_at);
        }
        let ids: Vec<i64> = query.bind(tag).fetch_all(&mut *self.transaction).await?;
        Ok(ids.into_iter().map(NodeId).collect())
    }

    /// Those of `ids` that are model versions in `stage` (in any, if empty), with model and number, in the
    /// order of these; at most `limit`, after the model and number `after`.
    pub(crate) async fn versions_in_stage(
        &mut self,
        ids: &[NodeId],
        stage: &str,
        after: Option<(String, String)>,
        limit: usize,
    ) -> Result<Vec<(NodeId, (String, String))>, LineageError> {
        let (name, version) = after.unwrap_or_default();
        let statement = match self.past {
            Some(_) => concat!(
                "SELECT s.id, s.name, s.version FROM lineage.node_states AS s \
                 WHERE s.id = ANY($1) AND s.kind = 'model_version' \
                     AND ($4 = '' OR s.attributes->>'stage' = $4) \
                     AND (s.name, length(s.version), s.version) > ($5, length($6), $6) AND ",
                stands!("s"),
                "ORDER BY s.name, length(s.version), s.version LIMIT $7"
            ),
            None => {
                "SELECT id, name, version FROM lineage.nodes \
                 WHERE id = ANY($1) AND kind = 'model_version' \
                     AND ($2 = '' OR attributes->>'stage' = $2) \
                     AND (name, length(version), version) > ($3, length($4), $4) \
                 ORDER BY name, length(version), version LIMIT $5"
            }
        };
        let mut query =
            sqlx::query_as(statement).bind(ids.iter().map(|id| id.0).collect::<Vec<_>>());
        if let Some(moment) = self.past {
            query = query.bind(moment.known_at).bind(moment.held_at);
        }
        let rows: Vec<(i64, String, String)> = query
            .bind(stage)
            .bind(name)
            .bind(version)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.transaction)
            .await?;
        let version = |(id, name, version)| (NodeId(id), (name, version));
        Ok(rows.into_iter().map(version).collect())
    }
}

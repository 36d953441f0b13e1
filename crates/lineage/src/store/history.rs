//! Former states: what every change leaves behind, and what a node was at all times.
//!
//! A state is known from the beginning of the transaction that wrote it to the beginning of the one that
//! ended it, by Postgres's clock. Of two that overlap the later to write ends the other no earlier than
//! it began; a state that was known for no time is not kept.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use super::{Snapshot, connect::edge_columns, read::NodeRow};
use crate::{
    LineageError,
    edge::{Edge, EdgeType},
    moment::Held,
    node::{Node, NodeId, NodeKey},
    reference::Reference,
};

/// States that are listed of a reference, and edges.
const LISTED: i64 = 1_000;

/// Keeps what the nodes of these ids are, before they change.
pub(super) async fn keep(connection: &mut PgConnection, ids: &[i64]) -> Result<(), LineageError> {
    sqlx::query(
        "INSERT INTO lineage.node_history (id, workspace_id, kind, name, version, attributes, \
             attribute_revisions, revision, tags, bare, recorded_at, held_from, held_until, known_from, \
             known_until) \
         SELECT id, workspace_id, kind, name, version, attributes, attribute_revisions, revision, tags, \
             bare, recorded_at, held_from, held_until, known_from, now() \
         FROM lineage.nodes WHERE id = ANY($1) AND known_from < now()",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// Who ends what is known, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    pub(crate) by: &'a str,
    pub(crate) reason: &'a str,
}

/// Ends what is known of the nodes of these ids; returns how many there were.
pub(super) async fn end_nodes(
    connection: &mut PgConnection,
    ids: &[i64],
    ending: Ending<'_>,
) -> Result<u64, LineageError> {
    let ended = sqlx::query(
        "WITH ended AS (DELETE FROM lineage.nodes WHERE id = ANY($1) RETURNING *) \
         INSERT INTO lineage.node_history (id, workspace_id, kind, name, version, attributes, \
             attribute_revisions, revision, tags, bare, recorded_at, held_from, held_until, known_from, \
             known_until, ended_by, reason) \
         SELECT id, workspace_id, kind, name, version, attributes, attribute_revisions, revision, tags, \
             bare, recorded_at, held_from, held_until, known_from, greatest(now(), known_from), $2, $3 \
         FROM ended",
    )
    .bind(ids)
    .bind(ending.by)
    .bind(ending.reason)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Ends what is known of `edges`; returns how many there were.
pub(super) async fn end_edges(
    connection: &mut PgConnection,
    edges: &[Edge<NodeId>],
    ending: Ending<'_>,
) -> Result<u64, LineageError> {
    let (sources, targets, types, labels) = edge_columns(edges);
    let ended = sqlx::query(
        "WITH ended AS ( \
             DELETE FROM lineage.edges AS e \
             USING unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[]) \
                 AS o (source, target, type, label) \
             WHERE e.source = o.source AND e.target = o.target AND e.type = o.type AND e.label = o.label \
             RETURNING e.*) \
         INSERT INTO lineage.edge_history (workspace_id, source, target, type, label, held_from, held_until, \
             recorded_at, known_until, ended_by, reason) \
         SELECT workspace_id, source, target, type, label, held_from, held_until, recorded_at, \
             greatest(now(), recorded_at), $5, $6 FROM ended",
    )
    .bind(sources)
    .bind(targets)
    .bind(types)
    .bind(labels)
    .bind(ending.by)
    .bind(ending.reason)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Ends what is known of all edges of the nodes of these ids; returns how many there were.
pub(super) async fn end_edges_of(
    connection: &mut PgConnection,
    ids: &[i64],
    ending: Ending<'_>,
) -> Result<u64, LineageError> {
    let ended = sqlx::query(
        "WITH ended AS ( \
             DELETE FROM lineage.edges WHERE source = ANY($1) OR target = ANY($1) RETURNING *) \
         INSERT INTO lineage.edge_history (workspace_id, source, target, type, label, held_from, held_until, \
             recorded_at, known_until, ended_by, reason) \
         SELECT workspace_id, source, target, type, label, held_from, held_until, recorded_at, \
             greatest(now(), recorded_at), $2, $3 FROM ended",
    )
    .bind(ids)
    .bind(ending.by)
    .bind(ending.reason)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Writes when edges held, and keeps what was known of those of which that changes.
pub(super) async fn hold(
    connection: &mut PgConnection,
    edges: &[(Edge<NodeId>, Held)],
) -> Result<(), LineageError> {
    let keys: Vec<_> = edges.iter().map(|(edge, _)| edge.clone()).collect();
    let (sources, targets, types, labels) = edge_columns(&keys);
    sqlx::query(
        "WITH changed AS ( \
             SELECT e.*, coalesce(n.held_from, e.held_from) AS new_from, \
                 coalesce(n.held_until, e.held_until) AS new_until \
             FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::timestamptz[], \
                 $6::timestamptz[]) AS n (source, target, type, label, held_from, held_until) \
             JOIN lineage.edges AS e ON e.source = n.source AND e.target = n.target AND e.type = n.type \
                 AND e.label = n.label \
             WHERE (n.held_from IS NOT NULL AND n.held_from IS DISTINCT FROM e.held_from) \
                 OR (n.held_until IS NOT NULL AND n.held_until IS DISTINCT FROM e.held_until) \
             ORDER BY e.source, e.target, e.type, e.label FOR UPDATE OF e), \
         kept AS ( \
             INSERT INTO lineage.edge_history (workspace_id, source, target, type, label, held_from, \
                 held_until, recorded_at, known_until) \
             SELECT workspace_id, source, target, type, label, held_from, held_until, recorded_at, now() \
             FROM changed WHERE recorded_at < now()) \
         UPDATE lineage.edges AS e SET held_from = c.new_from, held_until = c.new_until, \
             recorded_at = greatest(now(), e.recorded_at) \
         FROM changed AS c WHERE e.source = c.source AND e.target = c.target AND e.type = c.type \
             AND e.label = c.label",
    )
    .bind(sources)
    .bind(targets)
    .bind(types)
    .bind(labels)
    .bind(edges.iter().map(|(_, held)| held.from).collect::<Vec<_>>())
    .bind(edges.iter().map(|(_, held)| held.until).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What a node was for a time.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) node: Node,
    pub(crate) known_from: DateTime<Utc>,
    /// `None` while it stands.
    pub(crate) known_until: Option<DateTime<Utc>>,
    pub(crate) ended_by: Option<String>,
    pub(crate) reason: Option<String>,
}

/// An edge that stands no more.
#[derive(Debug)]
pub(crate) struct FormerEdge {
    pub(crate) edge: Edge<NodeKey>,
    pub(crate) held: Held,
    pub(crate) known_from: DateTime<Utc>,
    pub(crate) known_until: DateTime<Utc>,
    pub(crate) ended_by: Option<String>,
    pub(crate) reason: Option<String>,
}

#[derive(FromRow)]
struct StateRow {
    #[sqlx(flatten)]
    node: NodeRow,
    known_from: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    reason: Option<String>,
}

#[derive(FromRow)]
struct FormerEdgeRow {
    source: Vec<String>,
    target: Vec<String>,
    #[sqlx(rename = "type")]
    edge_type: i16,
    label: String,
    held_from: Option<DateTime<Utc>>,
    held_until: Option<DateTime<Utc>>,
    recorded_at: DateTime<Utc>,
    known_until: DateTime<Utc>,
    ended_by: Option<String>,
    reason: Option<String>,
}

impl Snapshot {
    /// All states of the nodes of this key, or of this name if there is none, the latest first; and those
    /// of their edges that stand no more.
    pub(crate) async fn history(
        &mut self,
        reference: &Reference,
    ) -> Result<(Vec<State>, Vec<FormerEdge>), LineageError> {
        let mut rows = Vec::new();
        if let Some(exact) = reference.exact() {
            rows = self
                .states(&exact.name, Some(&exact.version), reference)
                .await?;
        }
        if rows.is_empty() {
            rows = self.states(&reference.rest, None, reference).await?;
        }
        if rows.is_empty() {
            return Err(self.not_found(reference).await?);
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.node.id).collect();
        let edges: Vec<FormerEdgeRow> = sqlx::query_as(
            "SELECT ARRAY[s.kind, s.name, s.version] AS source, ARRAY[t.kind, t.name, t.version] AS target, \
                 e.type, e.label, e.held_from, e.held_until, e.recorded_at, e.known_until, e.ended_by, e.reason \
             FROM lineage.edge_history AS e \
             CROSS JOIN LATERAL (SELECT kind, name, version FROM lineage.node_states \
                 WHERE id = e.source LIMIT 1) AS s \
             CROSS JOIN LATERAL (SELECT kind, name, version FROM lineage.node_states \
                 WHERE id = e.target LIMIT 1) AS t \
             WHERE e.source = ANY($1) OR e.target = ANY($1) ORDER BY e.known_until DESC LIMIT $2",
        )
        .bind(ids)
        .bind(LISTED)
        .fetch_all(&mut *self.transaction)
        .await?;
        let edges = edges.into_iter().filter_map(FormerEdgeRow::read);
        Ok((
            rows.into_iter().map(StateRow::read).collect(),
            edges.collect(),
        ))
    }

    async fn states(
        &mut self,
        name: &str,
        version: Option<&str>,
        reference: &Reference,
    ) -> Result<Vec<StateRow>, LineageError> {
        let rows = sqlx::query_as(
            "SELECT id, kind, name, version, attributes, attribute_revisions, revision, tags, bare, \
                 recorded_at, held_from, held_until, known_from, \
                 nullif(known_until, 'infinity') AS ended_at, ended_by, reason \
             FROM lineage.node_states \
             WHERE workspace_id = $1 AND kind = $2 AND name = $3 AND ($4::text IS NULL OR version = $4) \
             ORDER BY known_until DESC, id DESC LIMIT $5",
        )
        .bind(self.workspace.0)
        .bind(&reference.kind)
        .bind(name)
        .bind(version)
        .bind(LISTED)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows)
    }
}

impl StateRow {
    fn read(self) -> State {
        State {
            node: self.node.into(),
            known_from: self.known_from,
            known_until: self.ended_at,
            ended_by: self.ended_by,
            reason: self.reason,
        }
    }
}

impl FormerEdgeRow {
    fn read(self) -> Option<FormerEdge> {
        let key = |parts: Vec<String>| {
            let [kind, name, version] = parts.try_into().ok()?;
            Some(NodeKey {
                kind,
                name,
                version,
            })
        };
        Some(FormerEdge {
            edge: Edge {
                source: key(self.source)?,
                target: key(self.target)?,
                edge_type: EdgeType::from_number(self.edge_type.into())?,
                label: self.label,
            },
            held: Held {
                from: self.held_from,
                until: self.held_until,
            },
            known_from: self.recorded_at,
            known_until: self.known_until,
            ended_by: self.ended_by,
            reason: self.reason,
        })
    }
}

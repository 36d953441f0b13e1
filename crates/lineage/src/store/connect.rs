//! Connecting the nodes of a batch, without a cycle.
//!
//! A cycle through edges recorded before needs one new edge into a node that was there and one out of
//! such a node. Only then are the workspace's edges locked and searched; the common batch, a new run
//! or version with what it came from, has no edge out of its new node into an old one.

use std::collections::{BTreeSet, HashMap, HashSet};

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use sqlx::PgConnection;

use super::{
    edges::edges_of,
    history::hold,
    record::{KeyRow, Nodes},
};
use crate::{
    LineageError,
    batch::{Batch, find_cycle},
    edge::Edge,
    error::show_cycle,
    graph::{Direction, Walk},
    node::{NodeId, NodeKey},
};

/// Inserts the edges that are not there; returns how many.
pub(super) async fn connect(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    nodes: &Nodes,
    batch: &Batch,
) -> Result<usize, LineageError> {
    let with_ids = |edge: &Edge<NodeKey>| {
        Some(Edge {
            source: *nodes.ids.get(&edge.source)?,
            target: *nodes.ids.get(&edge.target)?,
            edge_type: edge.edge_type,
            label: edge.label.clone(),
        })
    };
    let mut edges: Vec<Edge<NodeId>> = batch.edges.iter().filter_map(with_ids).collect();
    if edges.is_empty() {
        return Ok(0);
    }
    edges.sort_unstable();
    let missing = missing(connection, nodes, edges).await?;
    let inserted = match missing.is_empty() {
        true => 0,
        false => add(connection, workspace, nodes, missing).await?,
    };
    let held = batch.held.iter();
    let held: Vec<_> = held
        .filter_map(|(edge, held)| Some((with_ids(edge)?, *held)))
        .collect();
    if !held.is_empty() {
        hold(connection, &held).await?;
    }
    Ok(inserted)
}

/// Adds edges that are not there, if they close no cycle; returns how many.
async fn add(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    nodes: &Nodes,
    missing: Vec<Edge<NodeId>>,
) -> Result<usize, LineageError> {
    check_cycles(connection, workspace, nodes, &missing).await?;
    // Nobody else knows a new node: an edge of one meets no other like it, and is inserted at less cost.
    let (of_new, of_old): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|edge| nodes.has_new(edge));
    let of_new = insert(connection, workspace, &of_new, INSERT).await?;
    let of_old = insert(connection, workspace, &of_old, INSERT_MISSING).await?;
    Ok(of_new + of_old)
}

const INSERT: &str = "INSERT INTO lineage.edges (workspace_id, source, target, type, label) \
    SELECT $1, source, target, type, label \
    FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::text[]) \
        AS e (source, target, type, label)";
const INSERT_MISSING: &str = "INSERT INTO lineage.edges (workspace_id, source, target, type, label) \
    SELECT $1, source, target, type, label \
    FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::text[]) \
        AS e (source, target, type, label) \
    ON CONFLICT DO NOTHING";

/// Inserts edges by `statement`; how many were inserted.
async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    edges: &[Edge<NodeId>],
    statement: &'static str,
) -> Result<usize, LineageError> {
    if edges.is_empty() {
        return Ok(0);
    }
    let (sources, targets, types, labels) = edge_columns(edges);
    let inserted = sqlx::query(statement)
        .bind(workspace.0)
        .bind(sources)
        .bind(targets)
        .bind(types)
        .bind(labels)
        .execute(connection)
        .await?;
    Ok(usize::try_from(inserted.rows_affected()).unwrap_or(usize::MAX))
}

pub(super) type EdgeColumns<'a> = (Vec<i64>, Vec<i64>, Vec<i16>, Vec<&'a str>);

pub(super) fn edge_columns(edges: &[Edge<NodeId>]) -> EdgeColumns<'_> {
    (
        edges.iter().map(|edge| edge.source.0).collect(),
        edges.iter().map(|edge| edge.target.0).collect(),
        edges.iter().map(|edge| edge.edge_type.number()).collect(),
        edges.iter().map(|edge| edge.label.as_str()).collect(),
    )
}

/// Those of `edges` that are not recorded yet, in their order: a batch that is sent again has none.
async fn missing(
    connection: &mut PgConnection,
    nodes: &Nodes,
    edges: Vec<Edge<NodeId>>,
) -> Result<Vec<Edge<NodeId>>, LineageError> {
    let old = edges.iter().filter(|edge| !nodes.has_new(edge));
    let old: Vec<_> = old.cloned().collect();
    if old.is_empty() {
        return Ok(edges);
    }
    let (sources, targets, types, labels) = edge_columns(&old);
    let places: Vec<i64> = sqlx::query_scalar(
        // LATERAL with OFFSET 0 keeps one look-up an edge, whatever the size of the table is.
        "SELECT e.n FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[]) \
             WITH ORDINALITY AS e (source, target, type, label, n) \
         CROSS JOIN LATERAL (SELECT FROM lineage.edges WHERE source = e.source \
             AND target = e.target AND type = e.type AND label = e.label OFFSET 0) k",
    )
    .bind(sources)
    .bind(targets)
    .bind(types)
    .bind(labels)
    .fetch_all(connection)
    .await?;
    let place = |n: i64| old.get(usize::try_from(n - 1).ok()?);
    let recorded: HashSet<_> = places.into_iter().filter_map(place).collect();
    let missing = edges.into_iter().filter(|edge| !recorded.contains(edge));
    Ok(missing.collect())
}

async fn check_cycles(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    nodes: &Nodes,
    edges: &[Edge<NodeId>],
) -> Result<(), LineageError> {
    let known = |node: &NodeId| !nodes.new.contains(node);
    let ends = |end: fn(&Edge<NodeId>) -> NodeId| {
        let ends: BTreeSet<_> = edges.iter().map(end).filter(known).collect();
        ends.into_iter().collect::<Vec<_>>()
    };
    let (into, out_of) = (ends(|edge| edge.target), ends(|edge| edge.source));
    let ids = |edge: &Edge<NodeId>| (edge.source, edge.target);
    let mut all: Vec<_> = edges.iter().map(ids).collect();
    if !into.is_empty() && !out_of.is_empty() {
        advisory::lock_lineage(connection, workspace).await?;
        let between = smaller_side(connection, &into, &out_of).await?;
        all.extend(between.edges().iter().map(ids));
    }
    let Some(cycle) = find_cycle(all) else {
        return Ok(());
    };
    let names = name(connection, &cycle).await?;
    Err(LineageError::Cycle(show_cycle(&names)))
}

/// All that is below `into`, or all that is above `out_of`: whichever is found to be complete first. Either
/// has every recorded edge by which a way from the former to the latter leads.
async fn smaller_side(
    connection: &mut PgConnection,
    into: &[NodeId],
    out_of: &[NodeId],
) -> Result<Walk, LineageError> {
    let mut below = Walk::new(Direction::Descendants, into, usize::MAX);
    let mut above = Walk::new(Direction::Ancestors, out_of, usize::MAX);
    loop {
        if below.frontier().is_empty() {
            return Ok(below);
        }
        if above.frontier().is_empty() {
            return Ok(above);
        }
        let (direction, walk) = match below.edges().len() <= above.edges().len() {
            true => (Direction::Descendants, &mut below),
            false => (Direction::Ancestors, &mut above),
        };
        walk.advance(edges_of(connection, direction, walk.frontier()).await?);
    }
}

/// The keys of nodes.
pub(super) async fn name(
    connection: &mut PgConnection,
    nodes: &[NodeId],
) -> Result<Vec<NodeKey>, LineageError> {
    let rows: Vec<KeyRow> =
        sqlx::query_as("SELECT id, kind, name, version FROM lineage.nodes WHERE id = ANY($1)")
            .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
    let keys = rows.into_iter().map(KeyRow::into_entry);
    let keys: HashMap<NodeId, NodeKey> = keys.map(|(key, id)| (id, key)).collect();
    let names = nodes.iter().filter_map(|node| keys.get(node).cloned());
    Ok(names.collect())
}

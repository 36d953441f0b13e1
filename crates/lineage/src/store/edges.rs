//! Reading edges: those of a walk's next level, all of a workspace, and those that came since a revision.

use futures::TryStreamExt as _;
use herdbook_core::WorkspaceId;
use sqlx::PgConnection;

use crate::{
    LineageError,
    adjacency::Layout,
    edge::{Edge, EdgeType},
    graph::Direction,
    node::NodeId,
};

pub(super) type EdgeRow = (i64, i64, i16, String);

pub(super) fn read((source, target, number, label): EdgeRow) -> Option<Edge<NodeId>> {
    Some(Edge {
        source: NodeId(source),
        target: NodeId(target),
        edge_type: EdgeType::from_number(number.into())?,
        label,
    })
}

/// The edges by which `direction` goes on from `nodes`, in order.
pub(super) async fn edges_of(
    connection: &mut PgConnection,
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
    let rows: Vec<EdgeRow> = sqlx::query_as(statement)
        .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// All edges of `workspace`; `None` if they take more than `bytes` in memory.
pub(super) async fn all(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    bytes: usize,
) -> Result<Option<Layout>, LineageError> {
    let mut rows = sqlx::query_as::<_, EdgeRow>(
        "SELECT source, target, type, label FROM lineage.edges WHERE workspace_id = $1",
    )
    .bind(workspace.0)
    .fetch(connection);
    let mut layout = Layout::default();
    while let Some(row) = rows.try_next().await? {
        read(row).into_iter().for_each(|edge| layout.add(edge));
        if layout.bytes() > bytes {
            return Ok(None);
        }
    }
    Ok(Some(layout))
}

/// The edges that came after revision `since`, up to `until`, with their revisions.
pub(super) async fn added(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    since: i64,
    until: i64,
) -> Result<Vec<(Edge<NodeId>, i64)>, LineageError> {
    let rows: Vec<(i64, i64, i16, String, i64)> = sqlx::query_as(
        // LATERAL with OFFSET 0 keeps one index range a change, whatever the size of the table is.
        "SELECT e.source, e.target, e.type, e.label, c.revision FROM lineage.changes AS c \
         CROSS JOIN LATERAL (SELECT * FROM lineage.edges \
             WHERE workspace_id = $1 AND change = c.change OFFSET 0) AS e \
         WHERE c.workspace_id = $1 AND c.revision > $2 AND c.revision <= $3",
    )
    .bind(workspace.0)
    .bind(since)
    .bind(until)
    .fetch_all(connection)
    .await?;
    let edge = |(source, target, number, label, revision)| {
        Some((read((source, target, number, label))?, revision))
    };
    Ok(rows.into_iter().filter_map(edge).collect())
}

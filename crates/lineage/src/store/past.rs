//! Reading the graph as it was at a moment: from the states of nodes and edges, in Postgres.

use herdbook_core::WorkspaceId;
use sqlx::PgConnection;

use super::edges::{EdgeRow, read};
use crate::{
    LineageError, edge::Edge, graph::Direction, moment::Moment, node::NodeId, reference::Reference,
};

/// Whether a state stands at the moment `$2` (known) and `$3` (held).
macro_rules! stands {
    ($state:literal) => {
        concat!(
            "CASE WHEN $2::timestamptz IS NULL THEN ",
            $state,
            ".known_until = 'infinity' \
                 ELSE ",
            $state,
            ".known_from <= $2 AND $2 < ",
            $state,
            ".known_until END \
             AND ($3::timestamptz IS NULL \
                 OR (",
            $state,
            ".held_from IS NULL OR ",
            $state,
            ".held_from <= $3) \
                 AND (",
            $state,
            ".held_until IS NULL OR $3 < ",
            $state,
            ".held_until)) "
        )
    };
}
pub(super) use stands;

/// The edges by which `direction` went on from `nodes`, in order.
pub(super) async fn edges_of(
    connection: &mut PgConnection,
    moment: Moment,
    direction: Direction,
    nodes: &[NodeId],
) -> Result<Vec<Edge<NodeId>>, LineageError> {
    // LATERAL with OFFSET 0 keeps one index range a node, however many nodes there are.
    let statement = match direction {
        Direction::Ancestors => concat!(
            "SELECT DISTINCT e.source, e.target, e.type, e.label FROM unnest($1::bigint[]) AS f (id) \
             CROSS JOIN LATERAL (SELECT * FROM lineage.edge_states AS s WHERE s.target = f.id AND ",
            stands!("s"),
            " AND EXISTS (SELECT FROM lineage.node_states AS n WHERE n.id = s.source AND ",
            stands!("n"),
            ") OFFSET 0) AS e ORDER BY e.source, e.target, e.type, e.label"
        ),
        Direction::Descendants => concat!(
            "SELECT DISTINCT e.source, e.target, e.type, e.label FROM unnest($1::bigint[]) AS f (id) \
             CROSS JOIN LATERAL (SELECT * FROM lineage.edge_states AS s WHERE s.source = f.id AND ",
            stands!("s"),
            " AND EXISTS (SELECT FROM lineage.node_states AS n WHERE n.id = s.target AND ",
            stands!("n"),
            ") OFFSET 0) AS e ORDER BY e.source, e.target, e.type, e.label"
        ),
    };
    let rows: Vec<EdgeRow> = sqlx::query_as(statement)
        .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
        .bind(moment.known_at)
        .bind(moment.held_at)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// The nodes that `reference` meant, newest first.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    moment: Moment,
    reference: &Reference,
) -> Result<Vec<NodeId>, LineageError> {
    let exact = reference.exact();
    let (name, version) = match &exact {
        Some(key) => (key.name.as_str(), Some(key.version.as_str())),
        None => (reference.rest.as_str(), None),
    };
    let mut ids = meant(
        connection,
        workspace,
        moment,
        &reference.kind,
        name,
        version,
    )
    .await?;
    if exact.is_some() {
        // A moment at which one record took over from another may know both.
        ids.truncate(1);
        if ids.is_empty() {
            let (kind, name) = (&reference.kind, &reference.rest);
            ids = meant(connection, workspace, moment, kind, name, None).await?;
        }
    }
    Ok(ids)
}

async fn meant(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    moment: Moment,
    kind: &str,
    name: &str,
    version: Option<&str>,
) -> Result<Vec<NodeId>, LineageError> {
    let ids: Vec<i64> = sqlx::query_scalar(concat!(
        "WITH RECURSIVE other AS ( \
             SELECT target_kind AS kind, target_name AS name, target_version AS version FROM lineage.aliases \
             WHERE workspace_id = $1 AND kind = $4 AND name = $5 AND ($6::text IS NULL OR version = $6) \
                 AND ($2::timestamptz IS NULL OR recorded_at <= $2) \
             UNION SELECT a.target_kind, a.target_name, a.target_version FROM other AS o \
             JOIN lineage.aliases AS a ON a.workspace_id = $1 AND a.kind = o.kind AND a.name = o.name \
                 AND a.version = o.version AND ($2::timestamptz IS NULL OR a.recorded_at <= $2)) \
         SELECT s.id FROM lineage.node_states AS s WHERE s.workspace_id = $1 AND s.kind = $4 \
             AND s.name = $5 AND ($6::text IS NULL OR s.version = $6) AND ",
        stands!("s"),
        "UNION SELECT s.id FROM other AS o JOIN lineage.node_states AS s ON s.workspace_id = $1 \
             AND s.kind = o.kind AND s.name = o.name AND s.version = o.version WHERE ",
        stands!("s"),
        "ORDER BY id DESC"
    ))
    .bind(workspace.0)
    .bind(moment.known_at)
    .bind(moment.held_at)
    .bind(kind)
    .bind(name)
    .bind(version)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

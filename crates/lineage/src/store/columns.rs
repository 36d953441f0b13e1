//! Links between columns: recorded with the batch they come in, and read a level of a walk at a time.

use std::collections::{BTreeMap, HashSet};

use sqlx::{FromRow, PgConnection};

use super::Snapshot;
use crate::{
    LineageError,
    columns::{BatchLinks, Column, Link},
    graph::Direction,
    node::{NodeId, NodeKey},
};

/// Columns that are named when one is not found.
const NAMED: i64 = 20;

#[derive(FromRow)]
struct LinkRow {
    from_field: String,
    source: i64,
    source_field: String,
    target: i64,
    target_field: String,
    r#type: String,
    subtype: String,
    masking: bool,
    description: String,
}

/// A link that a walk came by.
pub(crate) struct Step {
    /// Where the walk stood, and what it reached.
    pub(crate) from: Column,
    pub(crate) to: Column,
    pub(crate) ends: (NodeId, NodeId),
    pub(crate) link: Link,
    pub(crate) description: String,
}

/// Inserts the links that are not there.
pub(super) async fn record(
    connection: &mut PgConnection,
    ids: &BTreeMap<NodeKey, NodeId>,
    links: &BatchLinks,
) -> Result<(), LineageError> {
    if links.is_empty() {
        return Ok(());
    }
    let (mut sources, mut targets) = (Vec::new(), Vec::new());
    let (mut source_fields, mut target_fields) = (Vec::new(), Vec::new());
    let (mut types, mut subtypes) = (Vec::new(), Vec::new());
    let (mut maskings, mut descriptions) = (Vec::new(), Vec::new());
    for ((source, target), links) in links {
        let (Some(source), Some(target)) = (ids.get(source), ids.get(target)) else {
            continue;
        };
        for (link, description) in links {
            sources.push(source.0);
            targets.push(target.0);
            source_fields.push(link.source_field.as_str());
            target_fields.push(link.target_field.as_str());
            types.push(link.transformation.as_str());
            subtypes.push(link.subtype.as_str());
            maskings.push(link.masking);
            descriptions.push(description.as_str());
        }
    }
    sqlx::query(
        "INSERT INTO lineage.column_links AS l (source, source_field, target, target_field, type, \
             subtype, masking, description) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], \
             $6::text[], $7::boolean[], $8::text[]) \
         ON CONFLICT ON CONSTRAINT column_links_key DO UPDATE SET description = excluded.description \
         WHERE l.description < excluded.description",
    )
    .bind(sources)
    .bind(source_fields)
    .bind(targets)
    .bind(target_fields)
    .bind(types)
    .bind(subtypes)
    .bind(maskings)
    .bind(descriptions)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the links of `from` to `into`.
pub(super) async fn fold(
    connection: &mut PgConnection,
    from: NodeId,
    into: NodeId,
) -> Result<(), LineageError> {
    sqlx::query(
        "WITH moved AS (DELETE FROM lineage.column_links WHERE source = $1 OR target = $1 RETURNING *) \
         INSERT INTO lineage.column_links AS l (source, source_field, target, target_field, type, \
             subtype, masking, description, recorded_at) \
         SELECT CASE source WHEN $1 THEN $2 ELSE source END, source_field, \
             CASE target WHEN $1 THEN $2 ELSE target END, target_field, type, subtype, masking, \
             description, recorded_at FROM moved \
         ON CONFLICT ON CONSTRAINT column_links_key DO UPDATE SET description = excluded.description \
         WHERE l.description < excluded.description",
    )
    .bind(from.0)
    .bind(into.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Snapshot {
    /// The links from `columns` on, in one direction.
    pub(crate) async fn column_steps(
        &mut self,
        direction: Direction,
        columns: &[Column],
    ) -> Result<Vec<Step>, LineageError> {
        // LATERAL with OFFSET 0 keeps one index look-up a column.
        let statement = match direction {
            Direction::Descendants => {
                "SELECT f.field AS from_field, l.* FROM unnest($1::bigint[], $2::text[]) AS f (id, field) \
                 CROSS JOIN LATERAL (SELECT * FROM lineage.column_links WHERE source = f.id \
                     AND (f.field = '' OR source_field IN (f.field, '')) OFFSET 0) l \
                 ORDER BY l.source, l.source_field, l.target, l.target_field, l.type, l.subtype, l.masking"
            }
            Direction::Ancestors => {
                "SELECT f.field AS from_field, l.* FROM unnest($1::bigint[], $2::text[]) AS f (id, field) \
                 CROSS JOIN LATERAL (SELECT * FROM lineage.column_links WHERE target = f.id \
                     AND (f.field = '' OR target_field IN (f.field, '')) OFFSET 0) l \
                 ORDER BY l.source, l.source_field, l.target, l.target_field, l.type, l.subtype, l.masking"
            }
        };
        let rows: Vec<LinkRow> = sqlx::query_as(statement)
            .bind(
                columns
                    .iter()
                    .map(|column| column.node.0)
                    .collect::<Vec<_>>(),
            )
            .bind(
                columns
                    .iter()
                    .map(|column| column.field.as_str())
                    .collect::<Vec<_>>(),
            )
            .fetch_all(self.connection())
            .await?;
        Ok(rows.into_iter().map(|row| step(direction, row)).collect())
    }

    /// Those of `nodes` of which it is recorded what a column came from.
    pub(crate) async fn with_columns(
        &mut self,
        nodes: &[NodeId],
    ) -> Result<HashSet<NodeId>, LineageError> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT f.id FROM unnest($1::bigint[]) AS f (id) \
             WHERE EXISTS (SELECT FROM lineage.column_links WHERE target = f.id)",
        )
        .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
        .fetch_all(self.connection())
        .await?;
        Ok(ids.into_iter().map(NodeId).collect())
    }

    /// Whether a link of any of `nodes` names the column; if not, some of those that are named.
    pub(crate) async fn find_column(
        &mut self,
        nodes: &[NodeId],
        field: &str,
    ) -> Result<Result<(), Vec<String>>, LineageError> {
        let ids: Vec<i64> = nodes.iter().map(|node| node.0).collect();
        let known: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM lineage.column_links WHERE source = ANY($1) AND source_field = $2) \
                 OR EXISTS (SELECT FROM lineage.column_links WHERE target = ANY($1) AND target_field = $2)",
        )
        .bind(&ids)
        .bind(field)
        .fetch_one(self.connection())
        .await?;
        if known {
            return Ok(Ok(()));
        }
        let named: Vec<String> = sqlx::query_scalar(
            "SELECT field FROM ( \
                 SELECT source_field AS field FROM lineage.column_links WHERE source = ANY($1) \
                 UNION SELECT target_field FROM lineage.column_links WHERE target = ANY($1)) AS fields \
             WHERE field <> '' ORDER BY field LIMIT $2",
        )
        .bind(&ids)
        .bind(NAMED)
        .fetch_all(self.connection())
        .await?;
        Ok(Err(named))
    }
}

fn step(direction: Direction, row: LinkRow) -> Step {
    let (source, target) = (NodeId(row.source), NodeId(row.target));
    let (stood, reached, reached_field) = match direction {
        Direction::Descendants => (source, target, &row.target_field),
        Direction::Ancestors => (target, source, &row.source_field),
    };
    Step {
        from: Column {
            node: stood,
            field: row.from_field,
        },
        to: Column {
            node: reached,
            field: reached_field.clone(),
        },
        ends: (source, target),
        link: Link {
            source_field: row.source_field,
            target_field: row.target_field,
            transformation: row.r#type,
            subtype: row.subtype,
            masking: row.masking,
        },
        description: row.description,
    }
}

//! What is attached to the nodes of an export: links between their columns, and their facets whole.

use std::collections::HashMap;

use sqlx::FromRow;

use super::Snapshot;
use crate::{
    LineageError,
    columns::{Link, connect},
    facet::FacetKey,
    node::{Node, NodeId},
    pedigree::{Attached, AttachedFacet},
};

/// Bytes of documents in one export at most: they are in memory together.
const DOCUMENT_BYTES: i64 = 256 << 20;

#[derive(FromRow)]
struct LinkRow {
    source: i64,
    source_field: String,
    target: i64,
    target_field: String,
    r#type: String,
    subtype: String,
    masking: bool,
    description: String,
}

#[derive(FromRow)]
struct FacetRow {
    node: i64,
    name: String,
    scope: String,
    run: String,
    revision: i64,
    document: String,
}

impl Snapshot {
    /// What is attached to `nodes`.
    pub(crate) async fn attached(
        &mut self,
        nodes: &HashMap<NodeId, Node>,
    ) -> Result<Attached, LineageError> {
        let ids: Vec<i64> = nodes.keys().map(|id| id.0).collect();
        let bytes: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(octet_length(d.document)), 0)::bigint FROM lineage.facets f \
             JOIN lineage.documents d ON d.workspace_id = $2 AND d.digest = f.digest \
             WHERE f.node = ANY($1)",
        )
        .bind(&ids)
        .bind(self.workspace().0)
        .fetch_one(self.connection())
        .await?;
        if bytes > DOCUMENT_BYTES {
            return Err(LineageError::DocumentsTooLarge(bytes, DOCUMENT_BYTES));
        }
        let links: Vec<LinkRow> = sqlx::query_as(
            "SELECT * FROM lineage.column_links WHERE target = ANY($1) AND source = ANY($1)",
        )
        .bind(&ids)
        .fetch_all(self.connection())
        .await?;
        let facets: Vec<FacetRow> = sqlx::query_as(
            "SELECT f.node, f.name, f.scope, f.run, f.revision, d.document FROM lineage.facets f \
             JOIN lineage.documents d ON d.workspace_id = $2 AND d.digest = f.digest \
             WHERE f.node = ANY($1) ORDER BY f.node, f.name, f.scope, f.run",
        )
        .bind(&ids)
        .bind(self.workspace().0)
        .fetch_all(self.connection())
        .await?;

        let key = |id: i64| Some(nodes.get(&NodeId(id))?.key.clone());
        let mut attached = Attached::default();
        for row in links {
            let (Some(source), Some(target)) = (key(row.source), key(row.target)) else {
                continue;
            };
            let link = Link {
                source_field: row.source_field,
                target_field: row.target_field,
                transformation: row.r#type,
                subtype: row.subtype,
                masking: row.masking,
            };
            connect(
                &mut attached.columns,
                (source, target),
                link,
                row.description,
            );
        }
        for row in facets {
            let Some(node) = key(row.node) else { continue };
            attached
                .facets
                .entry(node)
                .or_default()
                .push(AttachedFacet {
                    key: FacetKey {
                        name: row.name,
                        scope: row.scope,
                        run: row.run,
                    },
                    revision: row.revision,
                    document: row.document,
                });
        }
        Ok(attached)
    }
}

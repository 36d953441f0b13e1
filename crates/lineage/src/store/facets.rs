//! Facets, and their documents by content.
//!
//! What is stored: which document a run attached to a node, and each document once in a workspace. A
//! document is never changed and never deleted, so an answer may fetch it after its snapshot has ended.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, PgConnection};

use super::{Snapshot, Store};
use crate::{
    LineageError,
    facet::{Facet, FacetKey, Facets},
    node::{NodeId, NodeKey},
};

/// Facets that one question lists at most.
const LISTED: i64 = 10_000;

#[derive(FromRow)]
struct FacetRow {
    node: i64,
    name: String,
    scope: String,
    run: String,
    revision: i64,
    digest: Vec<u8>,
    recorded_at: DateTime<Utc>,
}

/// Which facets of nodes are asked for; empty fields ask for all.
#[derive(Debug, Default)]
pub(crate) struct FacetQuestion<'a> {
    pub(crate) name: &'a str,
    pub(crate) run: &'a str,
    /// What every run told, instead of the newest alone.
    pub(crate) history: bool,
}

/// Keeps the facets that are newer than those kept.
pub(super) async fn record(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &BTreeMap<NodeKey, NodeId>,
    facets: &Facets,
) -> Result<(), LineageError> {
    if facets.0.is_empty() {
        return Ok(());
    }
    let (mut nodes, mut names, mut scopes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut runs, mut revisions, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    let mut documents = BTreeMap::new();
    for ((node, key), told) in &facets.0 {
        let Some(node) = ids.get(node) else { continue };
        let digest = Sha256::digest(told.document.as_bytes()).to_vec();
        nodes.push(node.0);
        names.push(key.name.as_str());
        scopes.push(key.scope.as_str());
        runs.push(key.run.as_str());
        revisions.push(told.revision);
        documents.insert(digest.clone(), told.document.as_str());
        digests.push(digest);
    }
    let (contents, texts): (Vec<_>, Vec<_>) = documents.into_iter().unzip();
    sqlx::query(
        "INSERT INTO lineage.documents (workspace_id, digest, document) \
         SELECT $1, digest, document FROM unnest($2::bytea[], $3::text[]) AS d (digest, document) \
         ON CONFLICT ON CONSTRAINT documents_key DO NOTHING",
    )
    .bind(workspace.0)
    .bind(contents)
    .bind(texts)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        // Of equal revisions the greater digest, so that order does not matter; at 0 the last one.
        "INSERT INTO lineage.facets AS f (node, name, scope, run, revision, digest) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[]) \
         ON CONFLICT ON CONSTRAINT facets_key DO UPDATE \
         SET revision = excluded.revision, digest = excluded.digest, recorded_at = now() \
         WHERE f.digest <> excluded.digest AND (excluded.revision = 0 AND f.revision = 0 \
             OR (excluded.revision, excluded.digest) > (f.revision, f.digest)) \
             OR f.digest = excluded.digest AND excluded.revision > f.revision",
    )
    .bind(nodes)
    .bind(names)
    .bind(scopes)
    .bind(runs)
    .bind(revisions)
    .bind(digests)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the facets of `from` to `into`, where they are newer than its own.
pub(super) async fn fold(
    connection: &mut PgConnection,
    from: NodeId,
    into: NodeId,
) -> Result<(), LineageError> {
    sqlx::query(
        "WITH moved AS (DELETE FROM lineage.facets WHERE node = $1 RETURNING *) \
         INSERT INTO lineage.facets AS f (node, name, scope, run, revision, digest, recorded_at) \
         SELECT $2, name, scope, run, revision, digest, recorded_at FROM moved \
         ON CONFLICT ON CONSTRAINT facets_key DO UPDATE \
         SET revision = excluded.revision, digest = excluded.digest, recorded_at = excluded.recorded_at \
         WHERE (excluded.revision, excluded.digest) > (f.revision, f.digest)",
    )
    .bind(from.0)
    .bind(into.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Snapshot {
    /// The facets of `nodes`, by node, name and scope, the newest first; at most 10,000.
    pub(crate) async fn facets(
        &mut self,
        nodes: &[NodeId],
        question: &FacetQuestion<'_>,
    ) -> Result<Vec<Facet>, LineageError> {
        let statement = if question.history {
            "SELECT * FROM lineage.facets WHERE node = ANY($1) AND ($2 = '' OR name = $2) \
                 AND ($3 = '' OR run = $3) \
             ORDER BY node, name, scope, revision DESC, run DESC LIMIT $4"
        } else {
            "SELECT DISTINCT ON (node, name, scope) * FROM lineage.facets \
             WHERE node = ANY($1) AND ($2 = '' OR name = $2) AND ($3 = '' OR run = $3) \
             ORDER BY node, name, scope, revision DESC, run DESC LIMIT $4"
        };
        let rows: Vec<FacetRow> = sqlx::query_as(statement)
            .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
            .bind(question.name)
            .bind(question.run)
            .bind(LISTED)
            .fetch_all(self.connection())
            .await?;
        let facet = |row: FacetRow| Facet {
            node: NodeId(row.node),
            key: FacetKey {
                name: row.name,
                scope: row.scope,
                run: row.run,
            },
            revision: row.revision,
            digest: row.digest,
            recorded_at: row.recorded_at,
        };
        Ok(rows.into_iter().map(facet).collect())
    }
}

impl Store {
    /// A document of `workspace`.
    pub(crate) async fn document(
        &self,
        workspace: WorkspaceId,
        digest: &[u8],
    ) -> Result<String, LineageError> {
        let document = sqlx::query_scalar(
            "SELECT document FROM lineage.documents WHERE workspace_id = $1 AND digest = $2",
        )
        .bind(workspace.0)
        .bind(digest)
        .fetch_one(&self.pool)
        .await?;
        Ok(document)
    }
}

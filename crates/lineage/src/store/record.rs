//! Recording a batch, all or none of it, in few statements.
//!
//! Every batch locks in the order of the store. So two at once wait for each other and never deadlock.
//!
//! A cycle through edges recorded before needs one new edge into a node that was there and one out of
//! such a node. Only then are the workspace's edges locked and searched; the common batch, a new run
//! or version with what it came from, has no edge out of its new node into an old one.

use std::collections::{BTreeMap, HashMap, HashSet};

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

use super::{Store, columns, facets, revision::advance};
use crate::{
    LineageError,
    batch::{Batch, find_cycle},
    edge::Edge,
    error::show_cycle,
    facts::{Attribute, Facts},
    node::{NodeId, NodeKey},
};

/// How many nodes and edges of a batch were new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) nodes: usize,
    pub(crate) edges: usize,
}

#[derive(FromRow)]
struct KeyRow {
    id: i64,
    kind: String,
    name: String,
    version: String,
}

#[derive(FromRow)]
struct FactsRow {
    id: i64,
    attributes: Value,
    attribute_revisions: Value,
    revision: i64,
    tags: Value,
    bare: bool,
}

impl Store {
    pub(crate) async fn record(
        &self,
        workspace: WorkspaceId,
        batch: &Batch,
    ) -> Result<Recorded, LineageError> {
        let mut transaction = self.pool.begin().await?;
        let connection: &mut PgConnection = &mut transaction;
        let keys: Vec<&NodeKey> = batch.nodes.keys().collect();
        let new = insert_keys(connection, workspace, &keys).await?;
        let ids = find_ids(connection, workspace, &keys).await?;
        merge_facts(connection, &ids, batch).await?;
        let edges = connect(connection, workspace, &ids, &new, batch).await?;
        columns::record(connection, &ids, &batch.columns).await?;
        facets::record(connection, workspace, &ids, &batch.facets).await?;
        if edges > 0 {
            advance(connection, workspace, i64::try_from(edges).ok()).await?;
        }
        transaction.commit().await?;
        Ok(Recorded {
            nodes: new.len(),
            edges,
        })
    }
}

/// Inserts the keys that are not there, bare; returns the ids of those.
async fn insert_keys(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    keys: &[&NodeKey],
) -> Result<HashSet<NodeId>, LineageError> {
    let (kinds, names, versions) = key_columns(keys);
    let ids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO lineage.nodes (workspace_id, kind, name, version, attributes, \
             attribute_revisions, revision, tags, bare) \
         SELECT $1, kind, name, version, '{}', '{}', 0, '[]', true \
         FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (kind, name, version, n) \
         ORDER BY n ON CONFLICT ON CONSTRAINT nodes_key DO NOTHING RETURNING id",
    )
    .bind(workspace.0)
    .bind(kinds)
    .bind(names)
    .bind(versions)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

async fn find_ids(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    keys: &[&NodeKey],
) -> Result<BTreeMap<NodeKey, NodeId>, LineageError> {
    let (kinds, names, versions) = key_columns(keys);
    let rows: Vec<KeyRow> = sqlx::query_as(
        // LATERAL with OFFSET 0 keeps one look-up a key, whatever the size of the table was when it was planned.
        "SELECT n.id, n.kind, n.name, n.version \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS k (kind, name, version) \
         CROSS JOIN LATERAL (SELECT id, kind, name, version FROM lineage.nodes \
             WHERE workspace_id = $1 AND kind = k.kind AND name = k.name AND version = k.version OFFSET 0) n",
    )
    .bind(workspace.0)
    .bind(kinds)
    .bind(names)
    .bind(versions)
    .fetch_all(connection)
    .await?;
    let key = |row: KeyRow| {
        (
            NodeKey {
                kind: row.kind,
                name: row.name,
                version: row.version,
            },
            NodeId(row.id),
        )
    };
    Ok(rows.into_iter().map(key).collect())
}

fn key_columns<'a>(keys: &[&'a NodeKey]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let kinds = keys.iter().map(|key| key.kind.as_str()).collect();
    let names = keys.iter().map(|key| key.name.as_str()).collect();
    (
        kinds,
        names,
        keys.iter().map(|key| key.version.as_str()).collect(),
    )
}

/// Merges what the batch tells into what is known.
async fn merge_facts(
    connection: &mut PgConnection,
    ids: &BTreeMap<NodeKey, NodeId>,
    batch: &Batch,
) -> Result<(), LineageError> {
    let told: HashMap<i64, &Facts> = batch
        .nodes
        .iter()
        .filter_map(|(key, facts)| Some((ids.get(key)?.0, facts.as_ref()?)))
        .collect();
    let wanted: Vec<i64> = told.keys().copied().collect();
    let rows: Vec<FactsRow> = sqlx::query_as(
        "SELECT id, attributes, attribute_revisions, revision, tags, bare FROM lineage.nodes \
         WHERE id = ANY($1) ORDER BY id FOR UPDATE",
    )
    .bind(wanted)
    .fetch_all(&mut *connection)
    .await?;

    let mut changed = Changed::default();
    for row in rows {
        let Some(news) = told.get(&row.id) else {
            continue;
        };
        let known = facts_of(
            &row.attributes,
            &row.attribute_revisions,
            row.revision,
            &row.tags,
        );
        let mut merged = known.clone();
        merged.merge(news);
        if merged != known || row.bare {
            merged.check_size().map_err(|error| {
                herdbook_proto::InvalidRequest::field("nodes", format!("a node {error}"))
            })?;
            changed.push(row.id, &merged);
        }
    }
    changed.write(connection).await
}

/// Rows to be written, as columns.
#[derive(Default)]
struct Changed {
    ids: Vec<i64>,
    attributes: Vec<Value>,
    attribute_revisions: Vec<Value>,
    revisions: Vec<i64>,
    tags: Vec<Value>,
}

impl Changed {
    fn push(&mut self, id: i64, facts: &Facts) {
        let attributes = facts.attributes.iter();
        let counted = attributes
            .clone()
            .filter(|(_, attribute)| attribute.revision != 0);
        self.ids.push(id);
        self.attributes.push(
            attributes
                .map(|(name, a)| (name.clone(), Value::from(a.value.clone())))
                .collect(),
        );
        self.attribute_revisions.push(
            counted
                .map(|(name, a)| (name.clone(), Value::from(a.revision)))
                .collect(),
        );
        self.revisions.push(facts.revision);
        self.tags
            .push(facts.tags.iter().map(String::as_str).collect());
    }

    async fn write(self, connection: &mut PgConnection) -> Result<(), LineageError> {
        sqlx::query(
            "UPDATE lineage.nodes n SET attributes = c.attributes, \
                 attribute_revisions = c.attribute_revisions, revision = c.revision, tags = c.tags, \
                 bare = false \
             FROM unnest($1::bigint[], $2::jsonb[], $3::jsonb[], $4::bigint[], $5::jsonb[]) \
                 AS c (id, attributes, attribute_revisions, revision, tags) \
             WHERE n.id = c.id AND n.id = ANY($1)",
        )
        .bind(self.ids)
        .bind(self.attributes)
        .bind(self.attribute_revisions)
        .bind(self.revisions)
        .bind(self.tags)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Facts as the database holds them.
pub(super) fn facts_of(
    attributes: &Value,
    revisions: &Value,
    revision: i64,
    tags: &Value,
) -> Facts {
    let attributes = attributes.as_object().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| {
        let value = value.as_str().unwrap_or_default().to_owned();
        let revision = revisions
            .get(name)
            .and_then(Value::as_i64)
            .unwrap_or_default();
        (name.clone(), Attribute { value, revision })
    });
    let tags = tags.as_array().into_iter().flatten();
    let tags = tags.filter_map(|tag| Some(tag.as_str()?.to_owned()));
    Facts {
        attributes: attributes.collect(),
        tags: tags.collect(),
        revision,
    }
}

/// Inserts the edges that are not there; returns how many.
async fn connect(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &BTreeMap<NodeKey, NodeId>,
    new: &HashSet<NodeId>,
    batch: &Batch,
) -> Result<usize, LineageError> {
    let with_ids = |edge: &Edge<NodeKey>| {
        Some(Edge {
            source: *ids.get(&edge.source)?,
            target: *ids.get(&edge.target)?,
            edge_type: edge.edge_type,
            label: edge.label.clone(),
        })
    };
    let mut edges: Vec<Edge<NodeId>> = batch.edges.iter().filter_map(with_ids).collect();
    if edges.is_empty() {
        return Ok(0);
    }
    edges.sort_unstable();
    let missing = missing(connection, &edges).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    check_cycles(connection, workspace, ids, new, &missing).await?;
    let (sources, targets, types, labels) = edge_columns(&missing);
    let inserted = sqlx::query(
        "INSERT INTO lineage.edges (workspace_id, source, target, type, label) \
         SELECT $1, source, target, type, label \
         FROM unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::text[]) \
             AS e (source, target, type, label) \
         ON CONFLICT DO NOTHING",
    )
    .bind(workspace.0)
    .bind(sources)
    .bind(targets)
    .bind(types)
    .bind(labels)
    .execute(connection)
    .await?;
    Ok(usize::try_from(inserted.rows_affected()).unwrap_or(usize::MAX))
}

type EdgeColumns<'a> = (Vec<i64>, Vec<i64>, Vec<i16>, Vec<&'a str>);

fn edge_columns(edges: &[Edge<NodeId>]) -> EdgeColumns<'_> {
    (
        edges.iter().map(|edge| edge.source.0).collect(),
        edges.iter().map(|edge| edge.target.0).collect(),
        edges.iter().map(|edge| edge.edge_type.number()).collect(),
        edges.iter().map(|edge| edge.label.as_str()).collect(),
    )
}

/// Those of `edges` that are not recorded yet: a batch that is sent again has none.
async fn missing(
    connection: &mut PgConnection,
    edges: &[Edge<NodeId>],
) -> Result<Vec<Edge<NodeId>>, LineageError> {
    let (sources, targets, types, labels) = edge_columns(edges);
    let places: Vec<i64> = sqlx::query_scalar(
        "SELECT e.n FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[]) \
             WITH ORDINALITY AS e (source, target, type, label, n) \
         LEFT JOIN LATERAL (SELECT true AS known FROM lineage.edges WHERE source = e.source \
             AND target = e.target AND type = e.type AND label = e.label OFFSET 0) k ON true \
         WHERE k.known IS NULL",
    )
    .bind(sources)
    .bind(targets)
    .bind(types)
    .bind(labels)
    .fetch_all(connection)
    .await?;
    let place = |n: i64| edges.get(usize::try_from(n - 1).ok()?).cloned();
    Ok(places.into_iter().filter_map(place).collect())
}

async fn check_cycles(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &BTreeMap<NodeKey, NodeId>,
    new: &HashSet<NodeId>,
    edges: &[Edge<NodeId>],
) -> Result<(), LineageError> {
    let known = |node: &NodeId| !new.contains(node);
    let into_known: Vec<i64> = edges
        .iter()
        .map(|edge| edge.target)
        .filter(known)
        .map(|node| node.0)
        .collect();
    let mut all: Vec<(NodeId, NodeId)> = edges
        .iter()
        .map(|edge| (edge.source, edge.target))
        .collect();
    if !into_known.is_empty() && edges.iter().any(|edge| known(&edge.source)) {
        advisory::lock_lineage(connection, workspace).await?;
        let below: Vec<(i64, i64)> = sqlx::query_as(
            "WITH RECURSIVE below (id) AS ( \
                 SELECT unnest($1::bigint[]) \
                 UNION SELECT e.target FROM lineage.edges e JOIN below b ON e.source = b.id) \
             SELECT e.source, e.target FROM lineage.edges e JOIN below b ON e.source = b.id",
        )
        .bind(into_known)
        .fetch_all(&mut *connection)
        .await?;
        all.extend(
            below
                .into_iter()
                .map(|(source, target)| (NodeId(source), NodeId(target))),
        );
    }
    let Some(cycle) = find_cycle(all) else {
        return Ok(());
    };
    let names = name(connection, ids, &cycle).await?;
    Err(LineageError::Cycle(show_cycle(&names)))
}

/// The keys of nodes, some of which may not be of the batch.
async fn name(
    connection: &mut PgConnection,
    ids: &BTreeMap<NodeKey, NodeId>,
    nodes: &[NodeId],
) -> Result<Vec<NodeKey>, LineageError> {
    let rows: Vec<KeyRow> =
        sqlx::query_as("SELECT id, kind, name, version FROM lineage.nodes WHERE id = ANY($1)")
            .bind(nodes.iter().map(|node| node.0).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
    let mut keys: HashMap<NodeId, NodeKey> =
        ids.iter().map(|(key, id)| (*id, key.clone())).collect();
    keys.extend(rows.into_iter().map(|row| {
        (
            NodeId(row.id),
            NodeKey {
                kind: row.kind,
                name: row.name,
                version: row.version,
            },
        )
    }));
    Ok(nodes
        .iter()
        .filter_map(|node| keys.get(node).cloned())
        .collect())
}

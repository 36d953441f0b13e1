//! Recording a batch, all or none of it, in few statements.
//!
//! Every batch locks in the order of the store. So two at once wait for each other and never deadlock.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use herdbook_proto::InvalidRequest;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

use super::{
    Store, aliases, columns, connect::connect, facets, history::keep, kinds::look_up,
    revision::advance,
};
use crate::{
    LineageError,
    batch::Batch,
    edge::Edge,
    facts::{Attribute, Facts},
    kinds::{self, Kind},
    moment::Held,
    node::{NodeId, NodeKey},
};

/// How many nodes and edges of a batch were new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) nodes: usize,
    pub(crate) edges: usize,
}

/// A node by its key.
#[derive(FromRow)]
pub(super) struct KeyRow {
    id: i64,
    kind: String,
    name: String,
    version: String,
}

impl KeyRow {
    pub(super) fn into_entry(self) -> (NodeKey, NodeId) {
        let key = NodeKey {
            kind: self.kind,
            name: self.name,
            version: self.version,
        };
        (key, NodeId(self.id))
    }
}

#[derive(FromRow)]
struct FactsRow {
    id: i64,
    attributes: Value,
    attribute_revisions: Value,
    revision: i64,
    tags: Value,
    bare: bool,
    held_from: Option<DateTime<Utc>>,
    held_until: Option<DateTime<Utc>>,
}

impl Store {
    pub(crate) async fn record(
        &self,
        workspace: WorkspaceId,
        batch: &Batch,
    ) -> Result<Recorded, LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let connection: &mut PgConnection = &mut transaction;
        advisory::hold_lineage_nodes(connection, workspace).await?;
        let keys: Vec<&NodeKey> = batch.nodes.keys().collect();
        let names = aliases::meant(connection, workspace, &keys).await?;
        let renamed;
        let batch = match names.is_empty() {
            true => batch,
            false => {
                renamed = batch.clone().renamed(&names);
                &renamed
            }
        };
        let defined = look_up(connection, workspace, &kinds::to_look_up(batch)).await?;
        kinds::check_batch(batch, &defined)?;
        let nodes = find_or_insert(connection, workspace, batch, &defined).await?;
        let edges = connect(connection, workspace, &nodes, batch).await?;
        columns::record(connection, &nodes.ids, &batch.columns).await?;
        facets::record(connection, workspace, &nodes.ids, &batch.facets).await?;
        if edges > 0 {
            advance(connection, workspace, i64::try_from(edges).ok()).await?;
        }
        transaction.commit().await?;
        Ok(Recorded {
            nodes: nodes.new.len(),
            edges,
        })
    }
}

/// The nodes of a batch.
pub(super) struct Nodes {
    pub(super) ids: BTreeMap<NodeKey, NodeId>,
    /// Those that nobody had recorded before.
    pub(super) new: HashSet<NodeId>,
}

impl Nodes {
    /// Whether an end of `edge` is new.
    pub(super) fn has_new(&self, edge: &Edge<NodeId>) -> bool {
        self.new.contains(&edge.source) || self.new.contains(&edge.target)
    }
}

/// The nodes of `batch`, with what it tells of them: merged into what is known, or new.
async fn find_or_insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    batch: &Batch,
    defined: &BTreeMap<String, Kind>,
) -> Result<Nodes, LineageError> {
    let keys: Vec<&NodeKey> = batch.nodes.keys().collect();
    let mut known = find(connection, workspace, &keys).await?;
    let missing = |known: &BTreeMap<NodeKey, NodeId>| {
        let nodes = batch.nodes.iter();
        let missing = nodes.filter(|(key, _)| !known.contains_key(*key));
        missing.collect::<Vec<_>>()
    };
    let inserted = insert(connection, workspace, &missing(&known), defined).await?;
    if known.len() + inserted.len() < batch.nodes.len() {
        // Others were faster with some.
        let rest = missing(&known).into_iter().map(|(key, _)| key);
        let rest: Vec<_> = rest.filter(|key| !inserted.contains_key(key)).collect();
        known.extend(find(connection, workspace, &rest).await?);
    }
    merge_facts(connection, &known, batch, defined).await?;
    let new = inserted.values().copied().collect();
    known.extend(inserted);
    Ok(Nodes { ids: known, new })
}

/// Inserts nodes with what is told of them; the ids of those that were not there.
async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    nodes: &[(&NodeKey, &Option<Facts>)],
    defined: &BTreeMap<String, Kind>,
) -> Result<BTreeMap<NodeKey, NodeId>, LineageError> {
    if nodes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys: Vec<_> = nodes.iter().map(|(key, _)| *key).collect();
    let (kinds, names, versions) = key_columns(&keys);
    let mut facts = FactColumns::default();
    for (key, told) in nodes {
        if let Some(told) = told {
            kinds::check_facts(key, told, defined)?;
        }
        let nothing = Facts::default();
        let told = told.as_ref().unwrap_or(&nothing);
        check_size(told)?;
        facts.push(told);
    }
    let bare: Vec<bool> = nodes.iter().map(|(_, told)| told.is_none()).collect();
    let rows: Vec<KeyRow> = sqlx::query_as(
        "INSERT INTO lineage.nodes (workspace_id, kind, name, version, attributes, \
             attribute_revisions, revision, tags, bare, held_from, held_until) \
         SELECT $1, kind, name, version, attributes, attribute_revisions, revision, tags, bare, \
             held_from, held_until \
         FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[], $7::bigint[], \
             $8::jsonb[], $9::boolean[], $10::timestamptz[], $11::timestamptz[]) \
             WITH ORDINALITY AS k (kind, name, version, attributes, attribute_revisions, revision, tags, \
             bare, held_from, held_until, n) \
         ORDER BY n ON CONFLICT ON CONSTRAINT nodes_key DO NOTHING \
         RETURNING id, kind, name, version",
    )
    .bind(workspace.0)
    .bind(kinds)
    .bind(names)
    .bind(versions)
    .bind(facts.attributes)
    .bind(facts.attribute_revisions)
    .bind(facts.revisions)
    .bind(facts.tags)
    .bind(bare)
    .bind(facts.held_from)
    .bind(facts.held_until)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(KeyRow::into_entry).collect())
}

pub(super) async fn find(
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
    Ok(rows.into_iter().map(KeyRow::into_entry).collect())
}

/// Two records may each say a part of when a node was.
fn check_held(facts: &Facts) -> Result<(), InvalidRequest> {
    let checked = facts.held.check();
    checked.map_err(|error| InvalidRequest::field("nodes.held_until", error))
}

pub(super) fn check_size(facts: &Facts) -> Result<(), InvalidRequest> {
    let checked = facts.check_size();
    checked.map_err(|error| InvalidRequest::field("nodes", format!("a node {error}")))
}

pub(super) fn key_columns<'a>(keys: &[&'a NodeKey]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let kinds = keys.iter().map(|key| key.kind.as_str()).collect();
    let names = keys.iter().map(|key| key.name.as_str()).collect();
    (
        kinds,
        names,
        keys.iter().map(|key| key.version.as_str()).collect(),
    )
}

/// Merges what the batch tells into what is known.
async fn merge_facts<'a>(
    connection: &mut PgConnection,
    known: &'a BTreeMap<NodeKey, NodeId>,
    batch: &'a Batch,
    defined: &BTreeMap<String, Kind>,
) -> Result<(), LineageError> {
    let told =
        |(key, id): (&'a NodeKey, &NodeId)| Some((id.0, (key, batch.nodes.get(key)?.as_ref()?)));
    let told: HashMap<i64, (&NodeKey, &Facts)> = known.iter().filter_map(told).collect();
    if told.is_empty() {
        return Ok(());
    }
    let wanted: Vec<i64> = told.keys().copied().collect();
    let known = facts_for_update(connection, &wanted).await?;
    let (mut ids, mut changed) = (Vec::new(), FactColumns::default());
    for (id, (known, bare)) in known {
        let Some((key, news)) = told.get(&id) else {
            continue;
        };
        let mut merged = known.clone();
        merged.merge(news);
        if merged != known || bare {
            kinds::check_facts(key, &merged, defined)?;
            check_held(&merged)?;
            check_size(&merged)?;
            ids.push(id);
            changed.push(&merged);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    changed.write(connection, ids).await
}

/// What is known of the nodes of these ids, and whether they are bare, locked in the order of the store.
pub(super) async fn facts_for_update(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<BTreeMap<i64, (Facts, bool)>, LineageError> {
    let rows: Vec<FactsRow> = sqlx::query_as(
        "SELECT id, attributes, attribute_revisions, revision, tags, bare, held_from, held_until \
         FROM lineage.nodes WHERE id = ANY($1) ORDER BY id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let facts = |row: FactsRow| {
        let known = facts_of(
            &row.attributes,
            &row.attribute_revisions,
            row.revision,
            &row.tags,
        );
        let held = Held {
            from: row.held_from,
            until: row.held_until,
        };
        (row.id, (Facts { held, ..known }, row.bare))
    };
    Ok(rows.into_iter().map(facts).collect())
}

/// Facts to be written, as columns.
#[derive(Default)]
pub(super) struct FactColumns {
    attributes: Vec<Value>,
    attribute_revisions: Vec<Value>,
    revisions: Vec<i64>,
    tags: Vec<Value>,
    held_from: Vec<Option<DateTime<Utc>>>,
    held_until: Vec<Option<DateTime<Utc>>>,
}

impl FactColumns {
    pub(super) fn push(&mut self, facts: &Facts) {
        let attributes = facts.attributes.iter();
        let counted = attributes
            .clone()
            .filter(|(_, attribute)| attribute.revision != 0);
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
        self.held_from.push(facts.held.from);
        self.held_until.push(facts.held.until);
    }

    /// Writes them to the nodes of these ids, and keeps what these were.
    pub(super) async fn write(
        self,
        connection: &mut PgConnection,
        ids: Vec<i64>,
    ) -> Result<(), LineageError> {
        keep(connection, &ids).await?;
        sqlx::query(
            "UPDATE lineage.nodes n SET attributes = c.attributes, \
                 attribute_revisions = c.attribute_revisions, revision = c.revision, tags = c.tags, \
                 bare = false, held_from = c.held_from, held_until = c.held_until, \
                 known_from = greatest(now(), n.known_from) \
             FROM unnest($1::bigint[], $2::jsonb[], $3::jsonb[], $4::bigint[], $5::jsonb[], \
                 $6::timestamptz[], $7::timestamptz[]) \
                 AS c (id, attributes, attribute_revisions, revision, tags, held_from, held_until) \
             WHERE n.id = c.id AND n.id = ANY($1)",
        )
        .bind(ids)
        .bind(self.attributes)
        .bind(self.attribute_revisions)
        .bind(self.revisions)
        .bind(self.tags)
        .bind(self.held_from)
        .bind(self.held_until)
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
        held: Held::default(),
    }
}

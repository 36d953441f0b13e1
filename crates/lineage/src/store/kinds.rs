//! Kinds that a workspace defines.
//!
//! They are looked up with each batch that has some that are not built in, in its own transaction: what was
//! just defined or deleted holds at once, in every process.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

use super::{Snapshot, Store};
use crate::{
    LineageError,
    edge::EdgeType,
    kinds::{AttributeType, Kind, Sort},
};

#[derive(FromRow)]
struct KindRow {
    name: String,
    description: String,
    sort: i16,
    attributes: Value,
    edges_in: Vec<i16>,
    edges_out: Vec<i16>,
}

impl KindRow {
    fn into_entry(self) -> (String, Kind) {
        let types = |numbers: Vec<i16>| {
            let types = numbers.into_iter().map(i32::from);
            types.filter_map(EdgeType::from_number).collect()
        };
        let attributes = self.attributes.as_object().into_iter().flatten();
        let attribute = |(name, number): (&String, &Value)| {
            let number = i32::try_from(number.as_i64()?).ok()?;
            Some((name.clone(), AttributeType::from_number(number)?))
        };
        let kind = Kind {
            description: self.description,
            sort: Sort::from_number(self.sort.into()).unwrap_or(Sort::Told),
            attributes: attributes.filter_map(attribute).collect(),
            edges_in: types(self.edges_in),
            edges_out: types(self.edges_out),
            name: self.name.clone(),
        };
        (self.name, kind)
    }
}

/// Those kinds of `names` that the workspace defines.
pub(super) async fn look_up(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Kind>, LineageError> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<KindRow> = sqlx::query_as(
        "SELECT name, description, sort, attributes, edges_in, edges_out FROM lineage.kinds \
         WHERE workspace_id = $1 AND name = ANY($2)",
    )
    .bind(workspace.0)
    .bind(names.iter().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(KindRow::into_entry).collect())
}

impl Snapshot {
    /// All kinds that the workspace defines, by name.
    pub(crate) async fn kinds(&mut self) -> Result<BTreeMap<String, Kind>, LineageError> {
        let rows: Vec<KindRow> = sqlx::query_as(
            "SELECT name, description, sort, attributes, edges_in, edges_out FROM lineage.kinds \
             WHERE workspace_id = $1",
        )
        .bind(self.workspace.0)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows.into_iter().map(KindRow::into_entry).collect())
    }
}

impl Store {
    /// Defines a kind, or defines it anew; `limit` kinds at most.
    pub(crate) async fn define_kind(
        &self,
        workspace: WorkspaceId,
        kind: &Kind,
        limit: i64,
    ) -> Result<(), LineageError> {
        let numbers = |types: &BTreeSet<EdgeType>| {
            let numbers = types.iter().map(|edge_type| edge_type.number());
            numbers.collect::<Vec<_>>()
        };
        let attributes = kind.attributes.iter();
        let attributes: Value = attributes
            .map(|(name, required)| (name.clone(), Value::from(*required as i16)))
            .collect();
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        advisory::seize_lineage_nodes(&mut transaction, workspace).await?;
        sqlx::query(
            "INSERT INTO lineage.kinds (workspace_id, name, description, sort, attributes, edges_in, edges_out) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT kinds_key DO UPDATE \
             SET description = excluded.description, sort = excluded.sort, attributes = excluded.attributes, \
                 edges_in = excluded.edges_in, edges_out = excluded.edges_out",
        )
        .bind(workspace.0)
        .bind(&kind.name)
        .bind(&kind.description)
        .bind(kind.sort as i16)
        .bind(attributes)
        .bind(numbers(&kind.edges_in))
        .bind(numbers(&kind.edges_out))
        .execute(&mut *transaction)
        .await?;
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM lineage.kinds WHERE workspace_id = $1")
                .bind(workspace.0)
                .fetch_one(&mut *transaction)
                .await?;
        if count > limit {
            return Err(LineageError::TooManyKinds(limit));
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes a kind of which nothing is recorded.
    pub(crate) async fn delete_kind(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<(), LineageError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        advisory::seize_lineage_nodes(&mut transaction, workspace).await?;
        let in_use: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM lineage.nodes WHERE workspace_id = $1 AND kind = $2)",
        )
        .bind(workspace.0)
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
        if in_use {
            return Err(LineageError::KindInUse(name.to_owned()));
        }
        let deleted =
            sqlx::query("DELETE FROM lineage.kinds WHERE workspace_id = $1 AND name = $2")
                .bind(workspace.0)
                .bind(name)
                .execute(&mut *transaction)
                .await?;
        if deleted.rows_affected() == 0 {
            return Err(LineageError::KindNotFound(name.to_owned()));
        }
        transaction.commit().await?;
        Ok(())
    }
}

//! Search: the runs that a filter finds, from columns of what many runs have.
//!
//! What is stored: `search_columns`, a row a field and segment of runs, compressed. Why durable: making
//! them anew reads every run. What must be fast: any filter, ordered by anything, over a million runs; so
//! columns are kept in memory, confirmed by their version with each question. On failure: columns are
//! written and runs settled in one transaction, and a run that is not settled is never read from them.

mod cache;
mod facts;
mod fold;
mod scan;

use std::collections::HashMap;

use herdbook_core::WorkspaceId;
use sqlx::{Postgres, Transaction};

pub(crate) use cache::ColumnCache;
pub(crate) use scan::Scope;
use scan::{Collect, Scan};

use super::{
    Store,
    runs::{COLUMNS, RunRow},
};
use crate::{
    TrackingError,
    run::{Run, RunKey},
    search::{
        Mask, Order, Rows,
        rank::{Cursor, Top},
    },
};

/// What to find.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) scope: Scope,
    pub(crate) orders: Vec<Order>,
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: usize,
}

impl Store {
    /// A page of runs, each with its place.
    pub(crate) async fn search_runs(
        &self,
        workspace: WorkspaceId,
        search: Search,
    ) -> Result<Vec<(RunKey, Run, Cursor)>, TrackingError> {
        let mut moment = self.moment().await?;
        let fields = search.orders.iter().map(|order| order.field.clone());
        let fields = fields.collect();
        let scan = Scan {
            connection: &mut moment,
            cache: &self.columns,
            workspace,
        };
        let top = Top::new(search.orders, search.after, search.limit);
        let places = scan.run(search.scope, fields, top).await?.finish();
        let keys: Vec<i64> = places.iter().map(|place| place.run_key).collect();
        let rows: Vec<RunRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM tracking.runs r WHERE r.run_key = ANY($1)"
        )))
        .bind(&keys)
        .fetch_all(&mut *moment)
        .await?;
        moment.commit().await?;
        let mut runs: HashMap<RunKey, Run> = rows.into_iter().map(Into::into).collect();
        let found = places.into_iter().filter_map(|place| {
            let key = RunKey(place.run_key);
            Some((key, runs.remove(&key)?, place))
        });
        Ok(found.collect())
    }

    /// A transaction in which all statements see the same moment.
    async fn moment(&self) -> Result<Transaction<'static, Postgres>, TrackingError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.readers.begin_with(begin).await?)
    }
}

impl Collect for Top {
    fn take(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TrackingError> {
        self.offer(rows, hits);
        Ok(())
    }

    fn is_decided(&self, newest: i64) -> bool {
        self.is_decided(newest)
    }
}

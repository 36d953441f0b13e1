//! Search: the runs that a filter finds, from columns of what many runs have.
//!
//! What is stored: `search_columns`, a row a field and segment of runs, compressed. Why durable: making
//! them anew reads every run. What must be fast: any filter, ordered by anything, over a million runs; so
//! columns are kept in memory, confirmed by their version with each question. On failure: columns are
//! written and runs settled in one transaction, and a run that is not settled is never read from them.

mod cache;
mod changes;
mod facts;
mod fold;
mod names;
mod page;
mod run_cache;
mod scan;

use std::collections::{BTreeSet, HashMap};

use herdbook_core::WorkspaceId;
use sqlx::{Postgres, Transaction};

pub(crate) use cache::ColumnCache;
use facts::Wanted;
pub(crate) use names::{Listing, Place as FieldPlace};
pub(crate) use page::Shown;
pub(crate) use run_cache::RunCache;
pub(crate) use scan::Scope;
use scan::{Collect, Scan};

use super::{Store, logged_models::models_of};
use crate::{
    TrackingError,
    logged_model::RunModels,
    search::{
        Field, Mask, Order, Rows,
        groups::{Group, GroupPlace, Grouping, Groups},
        rank::{Cursor, Top},
    },
};

/// What to find.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) scope: Scope,
    pub(crate) orders: Vec<Order>,
    pub(crate) after: Option<Cursor>,
    /// Runs to pass over.
    pub(crate) skip: usize,
    pub(crate) limit: usize,
    /// What to return of each run; all of it, if that is `None`.
    pub(crate) columns: Option<BTreeSet<Field>>,
    /// Whether to return source and environment besides columns.
    pub(crate) with_source: bool,
    /// Whether to return which models each run used and made.
    pub(crate) with_models: bool,
}

/// A run that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) run: Shown,
    pub(crate) models: Option<RunModels>,
    pub(crate) place: Cursor,
}

/// What to group.
#[derive(Debug)]
pub(crate) struct Aggregation {
    pub(crate) scope: Scope,
    pub(crate) grouping: Grouping,
    pub(crate) after: Option<GroupPlace>,
    pub(crate) limit: usize,
    /// What to return of the best runs.
    pub(crate) columns: Option<BTreeSet<Field>>,
}

impl Store {
    /// A page of runs.
    pub(crate) async fn search_runs(
        &self,
        workspace: WorkspaceId,
        search: Search,
    ) -> Result<Vec<Found>, TrackingError> {
        let mut moment = self.moment().await?;
        let fields = search.orders.iter().map(|order| order.field.clone());
        let fields = fields.collect();
        let scan = Scan {
            connection: &mut moment,
            cache: &self.columns,
            workspace,
        };
        let top = Top::new(search.orders, search.after, search.skip + search.limit);
        let mut places = scan.run(search.scope, fields, top).await?.finish();
        places.drain(..search.skip.min(places.len()));
        let keys: Vec<i64> = places.iter().map(|place| place.run_key).collect();
        let wanted = search.columns.as_ref().map(|columns| {
            let mut wanted = Wanted::of(columns);
            wanted.source = search.with_source;
            wanted
        });
        let mut runs = page::read(&mut moment, &self.shown, &keys, wanted.as_ref()).await?;
        let mut models = match search.with_models && !keys.is_empty() {
            true => models_of(&mut moment, &keys).await?,
            false => HashMap::new(),
        };
        moment.commit().await?;
        let found = places.into_iter().filter_map(|place| {
            Some(Found {
                run: runs.remove(&place.run_key)?,
                models: models.remove(&place.run_key),
                place,
            })
        });
        Ok(found.collect())
    }

    /// A page of groups, each with its best run if that is asked for.
    pub(crate) async fn aggregate_runs(
        &self,
        workspace: WorkspaceId,
        aggregation: Aggregation,
    ) -> Result<Vec<(Group, Option<Shown>)>, TrackingError> {
        let mut moment = self.moment().await?;
        let scan = Scan {
            connection: &mut moment,
            cache: &self.columns,
            workspace,
        };
        let (fields, grouping) = (aggregation.grouping.fields(), aggregation.grouping);
        let groups = scan.run(aggregation.scope, fields, Groups::new(grouping));
        let groups = groups.await?;
        let groups = groups.finish(aggregation.after.as_ref(), aggregation.limit);
        let keys: Vec<i64> = groups.iter().filter_map(Group::best).collect();
        let wanted = aggregation.columns.as_ref().map(Wanted::of);
        let mut runs = match keys.as_slice() {
            [] => HashMap::new(),
            keys => page::read(&mut moment, &self.shown, keys, wanted.as_ref()).await?,
        };
        moment.commit().await?;
        let groups = groups.into_iter().map(|group| {
            let best = group.best().and_then(|key| runs.remove(&key));
            (group, best)
        });
        Ok(groups.collect())
    }

    /// A transaction in which all statements see the same moment.
    async fn moment(&self) -> Result<Transaction<'static, Postgres>, TrackingError> {
        Ok(herdbook_postgres::begin_snapshot(&self.readers).await?)
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

impl Collect for Groups {
    fn take(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TrackingError> {
        let added = self.add(rows, hits);
        added.map_err(|error| TrackingError::TooLarge(error.to_string()))
    }

    fn is_decided(&self, _: i64) -> bool {
        false
    }
}

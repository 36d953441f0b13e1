//! Columns kept in memory, decoded.

use std::sync::Arc;

use herdbook_core::WorkspaceId;
use quick_cache::{Weighter, sync::Cache};

use crate::search::column::Column;

/// Bytes of columns that are kept.
const BYTES: u64 = 192 * 1024 * 1024;
/// Columns that fit, about: what the cache is laid out for.
const COLUMNS: usize = 2_048;

/// Where a column stands.
pub(super) type Place = (WorkspaceId, Arc<str>, i64);

/// What was read last of each column. An entry is right for as long as its version is.
#[derive(Debug, Clone)]
pub(crate) struct ColumnCache(Arc<Cache<Place, (i64, Arc<Column>), ByWeight>>);

#[derive(Debug, Clone)]
struct ByWeight;

impl Weighter<Place, (i64, Arc<Column>)> for ByWeight {
    fn weight(&self, (_, name, _): &Place, (_, column): &(i64, Arc<Column>)) -> u64 {
        (column.weight() + name.len() + 128) as u64
    }
}

impl Default for ColumnCache {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(COLUMNS, BYTES, ByWeight)))
    }
}

impl ColumnCache {
    /// The column, if it is kept in this version.
    pub(super) fn get(&self, place: &Place, version: i64) -> Option<Arc<Column>> {
        let (kept, column) = self.0.get(place)?;
        (kept == version).then_some(column)
    }

    pub(super) fn insert(&self, place: Place, version: i64, column: Arc<Column>) {
        self.0.insert(place, (version, column));
    }
}

//! Whole runs kept in memory, as pages show them.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::Shown;

/// Bytes of runs that are kept.
const BYTES: u64 = 64 * 1024 * 1024;
/// Runs that fit, about: what the cache is laid out for.
const RUNS: usize = 16_384;

/// What was read last of runs, by their keys. An entry is right for as long as the version of the run's head
/// is: whatever changes a run counts that up, a wish to stop it excepted.
#[derive(Debug, Clone)]
pub(crate) struct RunCache(Arc<Cache<i64, (i64, Arc<Shown>), ByWeight>>);

#[derive(Debug, Clone)]
struct ByWeight;

impl Weighter<i64, (i64, Arc<Shown>)> for ByWeight {
    fn weight(&self, _: &i64, (_, shown): &(i64, Arc<Shown>)) -> u64 {
        weight(shown) as u64
    }
}

impl Default for RunCache {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(RUNS, BYTES, ByWeight)))
    }
}

impl RunCache {
    /// The run, if it is kept in this version.
    pub(super) fn get(&self, run_key: i64, version: i64) -> Option<Arc<Shown>> {
        let (kept, shown) = self.0.get(&run_key)?;
        (kept == version).then_some(shown)
    }

    pub(super) fn insert(&self, run_key: i64, version: i64, shown: Shown) {
        self.0.insert(run_key, (version, Arc::new(shown)));
    }
}

/// Bytes in memory, about.
fn weight((run, metrics): &Shown) -> usize {
    let summaries = metrics
        .iter()
        .map(|metric| size_of_val(metric) + metric.key.len());
    run.weight() + summaries.sum::<usize>()
}

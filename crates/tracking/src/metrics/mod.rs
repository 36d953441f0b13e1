//! The metric engine: points in by the batch, and out as curves.
//!
//! A batch of points becomes one block and one change of each metric's summary. Batches of all streams
//! and calls are committed together; a batch is applied in the transaction that moves its writer's number
//! on by one, which is what makes it count exactly once. In the background blocks become chunks of
//! columns, one a metric, with buckets from which a chart is drawn.

pub(crate) mod against;
pub(crate) mod bands;
pub(crate) mod codec;
pub(crate) mod compaction;
pub(crate) mod compactor;
pub(crate) mod curves;
pub(crate) mod drawing;
pub(crate) mod envelope;
mod points;
pub(crate) mod pulse;
pub(crate) mod reader;
pub(crate) mod sampling;
mod series;
mod summary;

pub(crate) use points::{PointTable, Points};
pub(crate) use series::{Series, SeriesByKey, add_block};
pub(crate) use summary::Summary;

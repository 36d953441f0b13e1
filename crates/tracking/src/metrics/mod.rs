//! The metric engine: points in by the batch, and out as curves.
//!
//! A batch of points becomes one block and one change of each metric's summary. Batches of all streams
//! are committed together by a few committers; a batch is applied in the transaction that moves its
//! writer's number on by one, which is what makes it count exactly once.

pub(crate) mod codec;
pub(crate) mod committer;
pub(crate) mod envelope;
mod points;
mod summary;

pub(crate) use points::{PointTable, Points};
pub(crate) use summary::Summary;

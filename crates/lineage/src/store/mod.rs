//! The schema `lineage`.
//!
//! What is stored: nodes by their natural key, and edges by the ids of their ends, indexed both ways.
//! Why durable: a pedigree is evidence; nothing is ever deleted. What must be fast: walking from a
//! node, one index range a node and level. On failure: a batch is in or not; its producer sends it
//! again.
//!
//! Order of locks: new nodes by key, known nodes by id, the workspace's edges where a cycle is possible,
//! edges by their ids, links of columns, documents by digest, facets, then the workspace's revision, the last row touched.

mod attached;
mod columns;
mod facets;
mod read;
mod record;
mod revision;
mod tags;

use sqlx::PgPool;

pub(crate) use facets::FacetQuestion;
pub(crate) use read::Snapshot;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

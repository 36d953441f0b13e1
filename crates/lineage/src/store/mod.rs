//! The schema `lineage`.
//!
//! What is stored: nodes by their natural key, and edges by the ids of their ends, indexed both ways.
//! Why durable: a pedigree is evidence; nothing is ever deleted. What must be fast: walking from a
//! node: in memory, or one index range a node and level. On failure: a batch is in or not; its producer sends it
//! again.
//!
//! What stands now is in `nodes` and `edges`; what was known before is in `node_history` and
//! `edge_history`, and questions about the present never look there.
//!
//! Order of locks: the nodes of the workspace (shared to record, alone to retract or merge), new nodes by key, known nodes by id, the workspace's edges where a cycle is possible,
//! edges by their ids, links of columns, documents by digest, facets, then the workspace's revision, the last row touched.

mod aliases;
mod attached;
mod columns;
mod connect;
mod duplicates;
mod edges;
mod facets;
mod history;
mod kinds;
mod memory;
mod merge;
mod past;
mod read;
mod record;
mod retract;
mod revision;
mod search;
mod tags;
#[cfg(test)]
mod tests;

use sqlx::PgPool;

pub(crate) use facets::FacetQuestion;
use memory::{BYTES, Memory};

pub(crate) use history::{Ending, FormerEdge, State};
pub(crate) use read::Snapshot;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    memory: Memory,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            memory: Memory::new(pool.clone(), BYTES),
            pool,
        }
    }

    /// The same with other room in memory for edges.
    pub(crate) fn remembering(self, bytes: usize) -> Self {
        Self {
            memory: Memory::new(self.pool.clone(), bytes),
            ..self
        }
    }
}

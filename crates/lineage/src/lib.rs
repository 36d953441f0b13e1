//! Lineage: the graph of what came from what, and the questions it answers.
//!
//! Producers record nodes and edges in batches that may arrive more than once and in any order; the
//! graph is the same. Each question is answered from one snapshot.

mod adjacency;
mod batch;
mod columns;
mod completeness;
mod convert;
mod diff;
mod edge;
mod error;
mod export;
mod exported_proof;
mod facet;
mod facts;
mod graph;
mod inherited;
mod kinds;
mod making;
mod moment;
mod node;
mod pedigree;
mod proof;
mod reference;
mod reproduction;
mod service;
mod shown;
mod store;

use herdbook_postgres::Database;
use herdbook_proto::lineage::v1::lineage_service_server::LineageServiceServer;
use herdbook_rpc::{RoutesBuilder, configured};
use sqlx::migrate::Migrator;

pub use error::LineageError;
pub use exported_proof::{DamagedProof, ExportedProof};

use service::LineageApi;
use store::Store;

/// The schema of this service.
pub const SCHEMA: &str = "lineage";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The lineage service of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Lineage {
    store: Store,
}

impl Lineage {
    /// Opens the migrated schema in `database`.
    #[must_use]
    pub fn start(database: &Database) -> Self {
        Self {
            store: Store::new(database.pool().clone()),
        }
    }

    /// The same with other room in memory for edges: `bytes` for all workspaces together, about, instead
    /// of 512 MiB. A graph that does not fit is walked in Postgres.
    #[must_use]
    pub fn remembering(self, bytes: usize) -> Self {
        Self {
            store: self.store.remembering(bytes),
        }
    }

    /// Adds the service to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let api = LineageApi::new(self.store.clone());
        routes.add_service(configured!(LineageServiceServer::new(api)));
    }
}

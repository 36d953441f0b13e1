//! What people do together: comments, reports, saved views, what each prefers, and what happened of late.
//!
//! The activity of a workspace is kept nowhere twice: it is put together from the services that know.

mod activity;
mod error;
mod mention;
mod peers;
mod service;
mod store;
mod subject;

use herdbook_postgres::Database;
use herdbook_proto::team::v1::{
    activity_service_server::ActivityServiceServer, comment_service_server::CommentServiceServer,
    preference_service_server::PreferenceServiceServer, report_service_server::ReportServiceServer,
    view_service_server::ViewServiceServer,
};
use herdbook_rpc::{PeerChannel, RoutesBuilder, configured};
use sqlx::migrate::Migrator;

pub use error::TeamError;

use peers::Peers;
use service::{
    activity::ActivityApi, comments::CommentApi, preferences::PreferenceApi, reports::ReportApi,
    views::ViewApi,
};
use store::Store;

/// The schema of this service.
pub const SCHEMA: &str = "team";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The team service of a process; cheap to clone.
#[derive(Clone)]
pub struct Team {
    store: Store,
    peers: Peers,
}

impl Team {
    /// Opens the migrated schema in `database`. `access` is asked for members, `tracking` and `registry` for
    /// the things that people write about, and all three for what happened.
    #[must_use]
    pub fn start(
        database: &Database,
        access: PeerChannel,
        tracking: PeerChannel,
        registry: PeerChannel,
    ) -> Self {
        Self {
            store: Store::new(database.pool().clone()),
            peers: Peers {
                access,
                tracking,
                registry,
            },
        }
    }

    /// Adds the services to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let (store, peers) = (&self.store, &self.peers);
        routes
            .add_service(configured!(CommentServiceServer::new(CommentApi::new(
                store.clone(),
                peers.clone()
            ))))
            .add_service(configured!(ReportServiceServer::new(ReportApi::new(
                store.clone()
            ))))
            .add_service(configured!(ActivityServiceServer::new(ActivityApi::new(
                store.clone(),
                peers.clone()
            ))))
            .add_service(configured!(ViewServiceServer::new(ViewApi::new(
                store.clone()
            ))))
            .add_service(configured!(PreferenceServiceServer::new(
                PreferenceApi::new(store.clone())
            )));
    }
}

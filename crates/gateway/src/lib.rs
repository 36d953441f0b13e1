//! Doors for other people's clients: their protocols over HTTP, a folder each, as calls of Herdbook's
//! services. What all doors share is in `door`.

mod door;
mod mlflow;
mod openlineage;

use std::sync::Arc;

use axum::Router;
use herdbook_rpc::{Authenticate, PeerChannel};

/// The services that doors call.
#[derive(Clone)]
pub struct Services {
    /// Workspaces and who works in them.
    pub access: PeerChannel,
    /// Experiments and runs.
    pub tracking: PeerChannel,
    /// Models and versions.
    pub registry: PeerChannel,
    /// What came from what.
    pub lineage: PeerChannel,
}

/// The doors of a process; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    authenticator: Arc<dyn Authenticate>,
    services: Services,
}

impl Gateway {
    /// Doors whose callers `authenticator` knows, to `services`.
    pub fn new(authenticator: Arc<dyn Authenticate>, services: Services) -> Self {
        Self {
            authenticator,
            services,
        }
    }

    /// The routes, for a server to have beside gRPC. Every one asks who calls, as gRPC does.
    pub fn router(&self) -> Router {
        let authenticator = || Arc::clone(&self.authenticator);
        let openlineage = openlineage::routes(self.services.lineage.clone());
        door::authenticated(openlineage, authenticator())
            .merge(mlflow::routes(authenticator(), self.services.clone()))
    }
}

//! Doors for other people's clients: their protocols over HTTP, a folder each, as calls of Herdbook's
//! services. What all doors share is in `door`.

mod door;
mod openlineage;

use std::sync::Arc;

use axum::Router;
use herdbook_rpc::{Authenticate, PeerChannel};

/// The doors of a process; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    authenticator: Arc<dyn Authenticate>,
    lineage: PeerChannel,
}

impl Gateway {
    /// Doors whose callers `authenticator` knows, to the lineage service at `lineage`.
    pub fn new(authenticator: Arc<dyn Authenticate>, lineage: PeerChannel) -> Self {
        Self {
            authenticator,
            lineage,
        }
    }

    /// The routes, for a server to have beside gRPC. Every one asks who calls, as gRPC does.
    pub fn router(&self) -> Router {
        door::authenticated(
            openlineage::routes(self.lineage.clone()),
            Arc::clone(&self.authenticator),
        )
    }
}

//! The wiring: which services a process runs, and how each reaches the others.

use std::sync::Arc;

use herdbook_access::Access;
use herdbook_blobs::{BlobStore, Blobs, Collector};
use herdbook_gateway::{Gateway, Services};
use herdbook_lineage::Lineage;
use herdbook_postgres::{Database, migrate};
use herdbook_registry::Registry;
use herdbook_rpc::{BrowserGuard, PeerChannel, RoutesBuilder, Server};
use herdbook_team::Team;
use herdbook_tracking::Tracking;
use herdbook_web::WebApp;
use sqlx::migrate::Migrator;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::options::{Common, Part};
use crate::{connection::endpoint, exit::Failure};

/// Where the parts run that this process does not.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) tracking: Option<String>,
    pub(super) registry: Option<String>,
    pub(super) lineage: Option<String>,
}

/// The services of this process.
pub(super) struct Parts {
    access: Access,
    lineage: Option<Lineage>,
    tracking: Option<Tracking>,
    registry: Option<Registry>,
    team: Option<Team>,
    gateway: Option<Gateway>,
    web: Option<WebApp>,
    collector: Option<JoinHandle<()>>,
}

/// The schemas that `part` uses, with their migrations.
pub(super) fn schemas(part: Part) -> Vec<(&'static str, &'static Migrator)> {
    let all = [
        (
            Part::Lineage,
            herdbook_lineage::SCHEMA,
            &herdbook_lineage::MIGRATIONS,
        ),
        (
            Part::Tracking,
            herdbook_tracking::SCHEMA,
            &herdbook_tracking::MIGRATIONS,
        ),
        (
            Part::Registry,
            herdbook_registry::SCHEMA,
            &herdbook_registry::MIGRATIONS,
        ),
        (
            Part::Team,
            herdbook_team::SCHEMA,
            &herdbook_team::MIGRATIONS,
        ),
    ];
    let used = all.into_iter().filter(|(owner, ..)| part.includes(*owner));
    let used = used.map(|(_, schema, migrations)| (schema, migrations));
    let shared = [
        (herdbook_access::SCHEMA, &herdbook_access::MIGRATIONS),
        (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
    ];
    shared.into_iter().chain(used).collect()
}

/// Brings the schemas that `part` uses up to date.
pub(super) async fn migrate_all(database: &Database, part: Part) -> Result<(), Failure> {
    for (schema, migrations) in schemas(part) {
        migrate(database, schema, migrations)
            .await
            .map_err(Failure::failed)?;
    }
    Ok(())
}

impl Parts {
    /// Starts the services of `part`. One that is needed and not among them is called over the
    /// network.
    pub(super) async fn start(
        database: &Database,
        blobs: BlobStore,
        part: Part,
        peers: &Peers,
        common: &Common,
        shutdown: &CancellationToken,
    ) -> Result<Self, Failure> {
        let access = Access::start(database, common.auth())
            .await
            .map_err(Failure::failed)?;
        let access = match common.identity_provider()? {
            Some(settings) => access
                .with_identity_provider(settings)
                .map_err(Failure::failed)?,
            None => access,
        };
        let lineage = part
            .includes(Part::Lineage)
            .then(|| common.lineage(database));
        let mut parts = Self {
            access,
            lineage,
            tracking: None,
            registry: None,
            team: None,
            gateway: None,
            web: None,
            collector: None,
        };
        if part.includes(Part::Tracking) {
            let to_lineage = parts.to_lineage(peers)?;
            let tracking = Tracking::start(
                database,
                blobs.clone(),
                to_lineage,
                common.tracking(),
                shutdown.clone(),
            );
            parts.tracking = Some(tracking);
        }
        if part.includes(Part::Registry) {
            let (to_tracking, to_lineage) = (parts.to_tracking(peers)?, parts.to_lineage(peers)?);
            let registry = Registry::start(
                database,
                blobs.clone(),
                to_tracking,
                to_lineage,
                parts.access.roles(),
                common.registry()?,
                shutdown.clone(),
            );
            parts.registry = Some(registry);
        }
        if part.includes(Part::Team) {
            let (tracking, registry) = (parts.to_tracking(peers)?, parts.to_registry(peers)?);
            let team = Team::start(database, parts.to_access()?, tracking, registry);
            parts.team = Some(team);
        }
        if part.includes(Part::Gateway) {
            let services = Services {
                access: parts.to_access()?,
                tracking: parts.to_tracking(peers)?,
                registry: parts.to_registry(peers)?,
                lineage: parts.to_lineage(peers)?,
            };
            let (tracking, registry) = (services.tracking.clone(), services.registry.clone());
            parts.gateway = Some(Gateway::new(parts.access.authenticator(), services));
            parts.web = Some(WebApp::new(parts.access.clone(), tracking, registry));
        }
        let collector = Collector::new(Blobs::new(database, blobs), common.blob_grace.into());
        parts.collector = parts.start_collector(collector, shutdown.clone());
        Ok(parts)
    }

    /// Collects blobs if a part runs here that names them.
    fn start_collector(
        &self,
        collector: Collector,
        shutdown: CancellationToken,
    ) -> Option<JoinHandle<()>> {
        let tracking = self.tracking.as_ref().map(Tracking::manifests);
        let registry = self.registry.as_ref().map(Registry::manifests);
        let manifests: Vec<_> = tracking.into_iter().chain(registry).collect();
        (!manifests.is_empty()).then(|| tokio::spawn(collector.run(manifests, shutdown)))
    }

    fn to_lineage(&self, peers: &Peers) -> Result<PeerChannel, Failure> {
        let local = self.lineage.as_ref().map(|lineage| {
            let mut routes = RoutesBuilder::default();
            lineage.register(&mut routes);
            routes
        });
        self.peer("lineage", local, peers.lineage.as_deref())
    }

    fn to_tracking(&self, peers: &Peers) -> Result<PeerChannel, Failure> {
        let local = self.tracking.as_ref().map(|tracking| {
            let mut routes = RoutesBuilder::default();
            tracking.register(&mut routes);
            routes
        });
        self.peer("tracking", local, peers.tracking.as_deref())
    }

    fn to_registry(&self, peers: &Peers) -> Result<PeerChannel, Failure> {
        let local = self.registry.as_ref().map(|registry| {
            let mut routes = RoutesBuilder::default();
            registry.register(&mut routes);
            routes
        });
        self.peer("registry", local, peers.registry.as_deref())
    }

    /// Every process has its own.
    fn to_access(&self) -> Result<PeerChannel, Failure> {
        let mut routes = RoutesBuilder::default();
        self.access.register(&mut routes);
        self.peer("access", Some(routes), None)
    }

    fn peer(
        &self,
        name: &'static str,
        local: Option<RoutesBuilder>,
        url: Option<&str>,
    ) -> Result<PeerChannel, Failure> {
        let assertions = self.access.assertions();
        match (local, url) {
            (Some(routes), _) => Ok(PeerChannel::local(
                name,
                routes,
                self.access.authenticator(),
                assertions,
            )),
            (None, Some(url)) => Ok(PeerChannel::remote(name, endpoint(url)?, assertions)),
            (None, None) => Err(Failure::usage(format!(
                "say where {name} runs, with --{name}-url"
            ))),
        }
    }

    /// The server of all services of this process.
    pub(super) fn server(&self, common: &Common) -> Server {
        let mut routes = RoutesBuilder::default();
        self.access.register(&mut routes);
        self.lineage
            .iter()
            .for_each(|lineage| lineage.register(&mut routes));
        self.tracking
            .iter()
            .for_each(|tracking| tracking.register(&mut routes));
        self.registry
            .iter()
            .for_each(|registry| registry.register(&mut routes));
        self.team.iter().for_each(|team| team.register(&mut routes));
        let server = Server::new(routes, Arc::clone(&self.access.authenticator()));
        let server = match &self.gateway {
            Some(gateway) => server.http(gateway.router()),
            None => server,
        };
        let server = match &self.web {
            Some(web) => server.http(web.router()),
            None => server,
        };
        match common.auth() {
            // Without tokens, the only thing that tells the user from a stranger's page.
            herdbook_access::AuthMode::Local if !common.insecure => {
                server.browser_guard(BrowserGuard::new(common.allowed_hosts.clone()))
            }
            _ => server,
        }
    }

    /// Waits for the chores to end after shutdown.
    pub(super) async fn join(self) {
        if let Some(collector) = self.collector
            && let Err(error) = collector.await
        {
            tracing::error!(%error, "the collector of blobs failed");
        }
        if let Some(registry) = self.registry {
            registry.join().await;
        }
        if let Some(tracking) = self.tracking {
            tracking.join().await;
        }
    }
}

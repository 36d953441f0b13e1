//! Running the services: all in one process, or one part by itself, by the same wiring.

mod identity;
mod options;
mod parts;
mod ready;
mod telemetry;

use std::{net::SocketAddr, time::Duration};

use herdbook_access::check_bind;
use herdbook_blobs::BlobStore;
use herdbook_postgres::{
    Database,
    embedded::{DataDir, EmbeddedPostgres, default_data_dir},
    migration_status,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

pub(crate) use options::{MigrateOptions, ServeOptions, UpOptions};

use crate::exit::Failure;
use options::{Common, Part};
use parts::{Parts, Peers};
use ready::ReadyFile;

/// Patience with a Postgres that is starting.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs everything in one process.
pub(crate) async fn up(options: UpOptions) -> Result<(), Failure> {
    telemetry::start(&options.common)?;
    let listener = bind(&options.common).await?;
    let data_path = options.data_dir.unwrap_or_else(default_data_dir);
    let data_dir = DataDir::open(&data_path).map_err(Failure::failed)?;
    let (database, postgres) = match &options.database_url {
        Some(url) => {
            let database = Database::connect(url, "herdbook", PATIENCE).await;
            (database.map_err(Failure::failed)?, None)
        }
        None => {
            let postgres = EmbeddedPostgres::start(&data_dir)
                .await
                .map_err(Failure::failed)?;
            let database = postgres
                .database("herdbook")
                .await
                .map_err(Failure::failed)?;
            (database, Some(postgres))
        }
    };
    let url = match (&options.database_url, &postgres) {
        (None, Some(postgres)) => postgres.url(),
        (url, _) => redact(url.as_deref().unwrap_or_default()),
    };
    let blobs = options
        .blobs
        .unwrap_or_else(|| format!("file://{}", data_dir.path().join("blobs").display()));
    let place = match postgres {
        Some(_) => format!("data in {}", data_dir.path().display()),
        None => "on the database given".to_owned(),
    };
    let run = Run {
        database,
        blobs,
        part: Part::All,
        peers: Peers::default(),
        url,
        place,
    };
    let served = run.serve(&options.common, listener).await;
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    served
}

/// Runs one part.
pub(crate) async fn part(options: ServeOptions) -> Result<(), Failure> {
    telemetry::start(&options.common)?;
    let listener = bind(&options.common).await?;
    let database = Database::connect(&options.database_url, "herdbook", PATIENCE).await;
    let run = Run {
        database: database.map_err(Failure::failed)?,
        blobs: options.blobs,
        part: options.part,
        peers: Peers {
            tracking: options.tracking_url,
            registry: options.registry_url,
            lineage: options.lineage_url,
        },
        url: redact(&options.database_url),
        place: format!("{} alone", options.part.name()),
    };
    run.serve(&options.common, listener).await
}

/// Brings schemas up to date, or says how far they are.
pub(crate) async fn migrate(options: MigrateOptions) -> Result<(), Failure> {
    use std::io::Write as _;
    let database = Database::connect(&options.database_url, "herdbook-migrate", PATIENCE).await;
    let database = database.map_err(Failure::failed)?;
    if !options.status {
        parts::migrate_all(&database, Part::All).await?;
    }
    for (schema, migrations) in parts::schemas(Part::All) {
        let status = migration_status(&database, schema, migrations)
            .await
            .map_err(Failure::failed)?;
        let (done, to_do) = (status.applied.len(), status.pending.len());
        writeln!(std::io::stdout(), "{schema:9} {done} done, {to_do} to do")?;
    }
    Ok(())
}

/// What is served, on what.
struct Run {
    database: Database,
    blobs: String,
    part: Part,
    peers: Peers,
    /// The database, as the ready file names it.
    url: String,
    /// What the greeting says about it.
    place: String,
}

impl Run {
    async fn serve(self, common: &Common, listener: TcpListener) -> Result<(), Failure> {
        parts::migrate_all(&self.database, self.part).await?;
        let blobs = BlobStore::open(&self.blobs).map_err(Failure::failed)?;
        let shutdown = CancellationToken::new();
        let parts = Parts::start(
            &self.database,
            blobs,
            self.part,
            &self.peers,
            common,
            &shutdown,
        )
        .await?;
        let address = listener.local_addr()?;
        let server = parts.server(common);
        let serving = server.serve(listener, shutdown.clone());
        let greeting = greet(common, address, &self);
        let stopped = stop_on_signal(shutdown.clone());
        let (served, greeted, ()) = tokio::join!(
            async {
                let served = serving.await;
                shutdown.cancel();
                served
            },
            async {
                let greeted = greeting.await;
                if greeted.is_err() {
                    shutdown.cancel();
                }
                greeted
            },
            stopped,
        );
        parts.join().await;
        self.database.close().await;
        let ready_file = greeted?;
        drop(ready_file);
        served.map_err(Failure::from)
    }
}

/// Says that the server is ready once its health says so.
async fn greet(
    common: &Common,
    address: SocketAddr,
    run: &Run,
) -> Result<Option<ReadyFile>, Failure> {
    use std::io::Write as _;
    ready::wait(address).await?;
    let file = match &common.ready_file {
        Some(path) => Some(ReadyFile::write(path, address, &run.url)?),
        None => None,
    };
    writeln!(
        std::io::stdout(),
        "Herdbook is ready at http://{address} ({})",
        run.place
    )?;
    tracing::info!(%address, "ready");
    Ok(file)
}

async fn bind(common: &Common) -> Result<TcpListener, Failure> {
    check_bind(common.listen, common.auth(), common.insecure).map_err(Failure::usage)?;
    TcpListener::bind(common.listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::failed(format!(
            "the address {} is taken by another program; stop it, or choose another with --listen \
             (port 0 takes a free one)",
            common.listen
        )),
        _ => Failure::failed(format!("cannot listen on {}: {error}", common.listen)),
    })
}

/// Cancels `shutdown` on SIGTERM or SIGINT; returns when it is cancelled.
async fn stop_on_signal(shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be handled");
        return shutdown.cancelled().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = shutdown.cancelled() => {}
    }
    if !shutdown.is_cancelled() {
        tracing::info!("stopping");
    }
    shutdown.cancel();
}

/// A database URL without its password.
fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => url.to_owned(),
    }
}

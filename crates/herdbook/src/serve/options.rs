//! Options of the serving commands.

use std::{fmt::Display, fs, net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use herdbook_access::{AuthMode, OidcSettings};
use herdbook_lineage::Lineage;
use herdbook_postgres::Database;
use herdbook_registry::{AuditKey, WebhookSettings};
use herdbook_tracking::{Limits, Settings};
use ipnet::IpNet;

use super::identity::IdentityOptions;
use crate::exit::Failure;

/// Run everything in one process, on an embedded Postgres.
///
/// Example: herdbook up --listen 127.0.0.1:5757 --data-dir ./data
#[derive(Debug, Args)]
pub(crate) struct UpOptions {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Where data is kept [default: /var/lib/herdbook as root, else $XDG_DATA_HOME/herdbook].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A Postgres (14 or newer) to use instead of the embedded one.
    #[arg(
        long,
        env = "HERDBOOK_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<String>,
    /// Where files are kept: file:///folder, s3://bucket/prefix, gs://… or az://… [default: a folder
    /// in the data directory].
    #[arg(long, env = "HERDBOOK_BLOBS", value_name = "URL")]
    pub(crate) blobs: Option<String>,
}

/// Run one part, as a deployment does.
///
/// Example: herdbook serve registry --database-url postgres://… --blobs s3://bucket
/// --tracking-url http://tracking:5757 --lineage-url http://lineage:5757
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// The part.
    pub(crate) part: Part,
    #[command(flatten)]
    pub(crate) common: Common,
    /// The Postgres (14 or newer) that all parts share.
    #[arg(
        long,
        env = "HERDBOOK_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: String,
    /// The object store that all parts share.
    #[arg(long, env = "HERDBOOK_BLOBS", value_name = "URL")]
    pub(crate) blobs: String,
    /// Where tracking runs (for the registry, team and the gateway).
    #[arg(long, env = "HERDBOOK_TRACKING_URL", value_name = "URL")]
    pub(crate) tracking_url: Option<String>,
    /// Where the registry runs (for team and the gateway).
    #[arg(long, env = "HERDBOOK_REGISTRY_URL", value_name = "URL")]
    pub(crate) registry_url: Option<String>,
    /// Where lineage runs (for tracking, the registry and the gateway).
    #[arg(long, env = "HERDBOOK_LINEAGE_URL", value_name = "URL")]
    pub(crate) lineage_url: Option<String>,
}

/// Bring the schemas of a database up to date.
///
/// Example: herdbook migrate --database-url postgres://herdbook@localhost/herdbook --status
#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// The database.
    #[arg(
        long,
        env = "HERDBOOK_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: String,
    /// Only say how far they are.
    #[arg(long)]
    pub(crate) status: bool,
}

/// What every serving command has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "HERDBOOK_LISTEN",
        default_value = "127.0.0.1:5757",
        value_name = "ADDRESS"
    )]
    pub(crate) listen: SocketAddr,
    /// File to write once the server is ready: JSON with address, pid and database.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Whether callers need a token.
    #[arg(long, env = "HERDBOOK_AUTH", value_enum, default_value_t = Auth::Local)]
    auth: Auth,
    #[command(flatten)]
    identity: IdentityOptions,
    /// Let everybody in who can reach the address.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// A name under which browsers may reach the server, besides those of loopback.
    #[arg(long = "allowed-host", value_name = "HOST")]
    pub(crate) allowed_hosts: Vec<String>,
    /// How long files stay that nothing names any more, such as 24h or 7d.
    #[arg(
        long,
        env = "HERDBOOK_BLOB_GRACE",
        default_value = "24h",
        value_name = "TIME"
    )]
    pub(crate) blob_grace: humantime::Duration,
    /// When points are compacted that do not fill 32 MiB by then, such as 60s or 10m.
    #[arg(
        long,
        env = "HERDBOOK_COMPACT_AFTER",
        default_value = "60s",
        value_name = "TIME"
    )]
    compact_after: humantime::Duration,
    /// When runs and experiments are removed for good after they were deleted, such as 30d [default: only
    /// when they are purged].
    #[arg(long, env = "HERDBOOK_PURGE_DELETED_AFTER", value_name = "TIME")]
    purge_deleted_after: Option<humantime::Duration>,
    /// Runs that a workspace may have, unless it has a quota of its own [default: any number].
    #[arg(long, env = "HERDBOOK_QUOTA_RUNS", value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    quota_runs: Option<i64>,
    /// Points of metrics that a workspace may have, likewise.
    #[arg(long, env = "HERDBOOK_QUOTA_POINTS", value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    quota_points: Option<i64>,
    /// Bytes of points, values and artifacts that a workspace may have, likewise.
    #[arg(long, env = "HERDBOOK_QUOTA_BYTES", value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    quota_bytes: Option<i64>,
    /// MiB of memory for the edges of lineage, 27 bytes each; a workspace that has more is walked in Postgres
    /// [default: 512].
    #[arg(long, env = "HERDBOOK_LINEAGE_MEMORY", value_name = "MIB")]
    lineage_memory: Option<u32>,
    /// Ed25519 key (PKCS#8, PEM) that signs checkpoints of the audit log, such as `openssl genpkey -algorithm
    /// ed25519` makes; every process with the registry needs the same [default: a key that the database keeps].
    #[arg(long, env = "HERDBOOK_AUDIT_KEY", value_name = "FILE")]
    audit_key: Option<PathBuf>,
    /// Addresses that webhooks may lead to though they are not on the public internet, such as 10.0.0.0/8; may
    /// be repeated.
    #[arg(
        long = "webhook-allow",
        env = "HERDBOOK_WEBHOOK_ALLOW",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    webhook_allow: Vec<IpNet>,
    /// How logs are written to standard error.
    #[arg(long, env = "HERDBOOK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    pub(crate) log_format: LogFormat,
    /// What is logged, such as warn, info or herdbook_tracking=debug.
    #[arg(
        long,
        env = "HERDBOOK_LOG",
        default_value = "warn",
        value_name = "FILTER"
    )]
    pub(crate) log: String,
}

impl Common {
    /// What is decided for tracking.
    pub(crate) fn tracking(&self) -> Settings {
        Settings {
            compact_after: self.compact_after.into(),
            purge_deleted_after: self.purge_deleted_after.map(Into::into),
            limits: Limits {
                runs: self.quota_runs,
                points: self.quota_points,
                bytes: self.quota_bytes,
            },
        }
    }

    /// Lineage with the room in memory that was asked for.
    pub(crate) fn lineage(&self, database: &Database) -> Lineage {
        let lineage = Lineage::start(database);
        match self.lineage_memory {
            Some(mib) => lineage.remembering(usize::try_from(mib).unwrap_or(usize::MAX) << 20),
            None => lineage,
        }
    }

    /// What is decided for the registry.
    pub(crate) fn registry(&self) -> Result<herdbook_registry::Settings, Failure> {
        Ok(herdbook_registry::Settings {
            audit_key: self.read_audit_key()?,
            webhooks: WebhookSettings {
                allow: self.webhook_allow.clone(),
                ..WebhookSettings::default()
            },
        })
    }

    fn read_audit_key(&self) -> Result<Option<AuditKey>, Failure> {
        let Some(path) = &self.audit_key else {
            return Ok(None);
        };
        let wrong = |error: &dyn Display| {
            Failure::usage(format!("--audit-key: {} {error}", path.display()))
        };
        let pem = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let key = AuditKey::from_pem(&pem).map_err(|error| wrong(&error))?;
        Ok(Some(key))
    }

    /// The identity provider by which people sign in, if one is named.
    pub(crate) fn identity_provider(&self) -> Result<Option<OidcSettings>, Failure> {
        self.identity.settings(self.auth())
    }

    pub(crate) fn auth(&self) -> AuthMode {
        match self.auth {
            Auth::Local => AuthMode::Local,
            Auth::Required => AuthMode::Required,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// Everybody is the local user.
    Local,
    /// Every call needs a token.
    Required,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Human,
    /// A JSON object a line.
    Json,
}

/// A part that runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Experiments, runs, metrics, artifacts.
    Tracking,
    /// Models, versions, promotions.
    Registry,
    /// What came from what.
    Lineage,
    /// Comments, reports, activity, saved views.
    Team,
    /// The doors of other people's protocols, such as MLflow's and OpenLineage's.
    Gateway,
    #[value(skip)]
    All,
}

impl Part {
    /// Whether it includes `other`.
    pub(crate) fn includes(self, other: Self) -> bool {
        self == Self::All || self == other
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Registry => "registry",
            Self::Lineage => "lineage",
            Self::Team => "team",
            Self::Gateway => "gateway",
            Self::All => "everything",
        }
    }
}

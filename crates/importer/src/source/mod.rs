//! Where things come from: a server, a database or a folder of MLflow.

mod database;
mod folder;
mod folder_registry;
mod http;
mod json;

pub(crate) use http::{authorised, cause};

use futures::stream::BoxStream;

use crate::{
    ImportError,
    files::Files,
    record::{Experiment, Foreign, LoggedModel, Model, Points, Run},
};

/// Records as they are read, of which only a few are in memory at a time.
pub(crate) type Records<'a, T> = BoxStream<'a, Result<T, ImportError>>;

/// A store of MLflow.
pub(crate) trait Source: Send + Sync {
    /// All experiments, deleted ones too.
    fn experiments(&self) -> Records<'_, Experiment>;

    /// All runs of an experiment, deleted ones too.
    fn runs(&self, experiment: &str) -> Records<'_, Run>;

    /// All points of a run, metric after metric, by the metrics' keys.
    fn points(&self, run: &Run) -> Records<'_, Points>;

    /// All logged models of an experiment.
    fn logged_models(&self, experiment: &str) -> Records<'_, LoggedModel>;

    /// All registered models.
    fn models(&self) -> Records<'_, Model>;

    /// What else there is, and stays behind.
    fn foreign(&self) -> Records<'_, Foreign>;

    /// The files at an artifact URI of this source.
    fn files(&self, uri: &str) -> Files;
}

/// What narrows or completes a source.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// The workspace of MLflow 3.x to read; `default` if absent.
    pub workspace: Option<String>,
    /// Where `mlflow-artifacts:` is, for sources that are not the server itself: a URL of the server, a bucket or a
    /// folder.
    pub artifacts: Option<String>,
    /// Calls and queries at the same time.
    pub jobs: usize,
}

/// Opens the store at `from`: `http(s)://…`, `sqlite:///…`, `postgresql://…`, or a folder.
pub(crate) async fn open(
    from: &str,
    options: &SourceOptions,
) -> Result<Box<dyn Source>, ImportError> {
    let scheme = from.split_once("://").map(|(scheme, _)| scheme);
    // SQLAlchemy names the driver too: postgresql+psycopg2.
    let database = scheme.map(|scheme| scheme.split('+').next().unwrap_or(scheme));
    match database {
        Some("http" | "https") => Ok(Box::new(http::Server::open(from, options).await?)),
        Some("sqlite" | "postgresql" | "postgres") => {
            Ok(Box::new(database::Database::open(from, options).await?))
        }
        None | Some("file") => {
            let folder = from.strip_prefix("file://").unwrap_or(from);
            Ok(Box::new(folder::Folder::open(folder, options)?))
        }
        Some(other) => Err(ImportError::Address(format!(
            "{other} is none of the stores that are read: http(s)://, sqlite:///, postgresql:// or a folder; of any \
             other database, start `mlflow server` on it and import from that"
        ))),
    }
}

//! The database of an MLflow server, by SQLAlchemy: SQLite or Postgres.
//!
//! The same text of SQL serves both: every column is cast, so that both give the same types, and what an old
//! database lacks, asked of the schema and not of its version, reads as NULL. The database is only read.

mod records;
mod registry;
mod runs;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::{
    AnyPool, AssertSqlSafe, Row as _,
    any::{AnyPoolOptions, AnyRow},
};

use super::{Records, Source, SourceOptions};
use crate::{
    ImportError,
    files::{Files, Places},
    record::{Experiment, Foreign, LoggedModel, Model, Points, Run},
};
use schema::Schema;

/// A database that is read.
pub(super) struct Database {
    pool: AnyPool,
    schema: Schema,
    workspace: String,
    places: Places,
}

impl Database {
    /// Opens the database that SQLAlchemy names `from`.
    pub(super) async fn open(from: &str, options: &SourceOptions) -> Result<Self, ImportError> {
        sqlx::any::install_default_drivers();
        let url = url(from)?;
        let connections = u32::try_from(options.jobs).unwrap_or(u32::MAX).max(1);
        let unreadable = |error| ImportError::source("the database cannot be opened", error);
        let pool = AnyPoolOptions::new()
            .max_connections(connections.saturating_add(1))
            .connect(&url)
            .await
            .map_err(unreadable)?;
        let schema = Schema::read(&pool, url.starts_with("sqlite")).await?;
        if !schema.has("experiments", "experiment_id") || !schema.has("runs", "run_uuid") {
            return Err(ImportError::source(
                "this is no database of MLflow",
                "it has no tables experiments and runs",
            ));
        }
        Ok(Self {
            pool,
            schema,
            workspace: options
                .workspace
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            places: Places::new(options)?,
        })
    }

    /// All rows of a query.
    async fn rows(&self, sql: String, words: &[String]) -> Result<Vec<AnyRow>, ImportError> {
        let query = words
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, word| {
                query.bind(word.clone())
            });
        query.fetch_all(&self.pool).await.map_err(failed)
    }

    /// Pages of rows, each from behind the last word of the page before.
    fn pages<'a, T: Send + 'a>(
        &'a self,
        page: impl Fn(
            String,
        )
            -> futures::future::BoxFuture<'a, Result<(Vec<T>, Option<String>), ImportError>>
        + Send
        + 'a,
    ) -> Records<'a, T> {
        stream::try_unfold((Some(String::new()), page), |(after, page)| async move {
            let Some(after) = after else { return Ok(None) };
            let (records, last) = page(after).await?;
            let records = stream::iter(records.into_iter().map(Ok));
            Ok::<_, ImportError>(Some((records, (last, page))))
        })
        .try_flatten()
        .boxed()
    }
}

impl Source for Database {
    fn experiments(&self) -> Records<'_, Experiment> {
        stream::once(self.read_experiments())
            .map_ok(|found| stream::iter(found.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn runs(&self, experiment: &str) -> Records<'_, Run> {
        let experiment = experiment.to_owned();
        stream::once(async move { self.run_ids(&experiment).await })
            .map_ok(|ids| {
                let pages: Vec<Vec<String>> = ids.chunks(runs::PAGE).map(<[_]>::to_vec).collect();
                stream::iter(pages.into_iter().map(Ok))
            })
            .try_flatten()
            .and_then(|ids| self.some_runs(ids))
            .map_ok(|runs| stream::iter(runs.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    fn points(&self, run: &Run) -> Records<'_, Points> {
        self.read_points(&run.id)
    }

    fn logged_models(&self, experiment: &str) -> Records<'_, LoggedModel> {
        if !self.schema.has("logged_models", "model_id") {
            return stream::empty().boxed();
        }
        let experiment = experiment.to_owned();
        self.pages(move |after| Box::pin(self.logged_model_page(experiment.clone(), after)))
    }

    fn models(&self) -> Records<'_, Model> {
        if !self.schema.has("registered_models", "name") {
            return stream::empty().boxed();
        }
        self.pages(move |after| Box::pin(self.model_page(after)))
    }

    fn foreign(&self) -> Records<'_, Foreign> {
        stream::iter(schema::FOREIGN)
            .filter(|(_, table)| std::future::ready(self.schema.has_table(table)))
            .then(move |(kind, table)| async move {
                let rows = self
                    .rows(format!("SELECT CAST(count(*) AS BIGINT) FROM {table}"), &[])
                    .await?;
                let count = rows.first().map_or(0, |row| integer(row, 0).unwrap_or(0));
                Ok(Foreign {
                    kind,
                    count: u64::try_from(count).unwrap_or(0),
                })
            })
            .boxed()
    }

    fn files(&self, uri: &str) -> Files {
        self.places.at(uri)
    }
}

/// The URL by which sqlx opens what SQLAlchemy names `from`; SQLite only to be read.
fn url(from: &str) -> Result<String, ImportError> {
    let Some((scheme, rest)) = from.split_once("://") else {
        return Err(ImportError::Address(format!("{from} is no database")));
    };
    if !scheme.starts_with("sqlite") {
        return Ok(format!("postgres://{rest}"));
    }
    // Three slashes and a relative path, or four and an absolute one.
    let path = rest.strip_prefix('/').unwrap_or(rest);
    let path = path.split('?').next().unwrap_or(path);
    if !Path::new(path).is_file() {
        return Err(ImportError::source(path, "there is no such file"));
    }
    let path = percent_encoding::utf8_percent_encode(path, &crate::files::URL_PATH);
    Ok(format!("sqlite://{path}?mode=ro"))
}

fn failed(error: sqlx::Error) -> ImportError {
    ImportError::source("the database cannot be read", error)
}

/// Text of a column; empty where it is NULL.
fn text(row: &AnyRow, column: usize) -> String {
    let text = row.try_get::<Option<String>, _>(column);
    text.ok().flatten().unwrap_or_default()
}

/// A number of a column.
fn integer(row: &AnyRow, column: usize) -> Option<i64> {
    row.try_get::<Option<i64>, _>(column).ok().flatten()
}

/// A value of a column; NaN where it is NULL.
fn double(row: &AnyRow, column: usize) -> f64 {
    let value = row.try_get::<Option<f64>, _>(column);
    value.ok().flatten().unwrap_or(f64::NAN)
}

/// `$1, $2, …` for as many words, from `first` on.
fn places(first: usize, count: usize) -> String {
    let places = (first..first + count).map(|number| format!("${number}"));
    places.collect::<Vec<_>>().join(", ")
}

//! Migrations: each service moves its own schema forward, with a tracker table inside that schema,
//! since the versions of two services in one table would collide.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use crate::Database;

/// Why a schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer Herdbook was here.
    #[error(
        "the schema {schema} was written by a newer Herdbook (it has migration {version}, which this \
         one does not know); run that version or a newer one, or restore a backup from before it"
    )]
    Newer {
        /// The schema.
        schema: &'static str,
        /// The first migration that is not known here.
        version: i64,
    },
    /// A migration failed; it changed nothing.
    #[error("migrating the schema {schema} failed: {source}")]
    Failed {
        /// The schema.
        schema: &'static str,
        /// What happened.
        source: MigrateError,
    },
}

/// How far a schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Migrations done, by version.
    pub applied: Vec<i64>,
    /// Migrations to be done.
    pub pending: Vec<i64>,
}

/// Runs the migrations of `schema` that are not done yet, each in a transaction. Any number of
/// processes may do so at once: an advisory lock lets them in one by one.
pub async fn migrate(
    database: &Database,
    schema: &'static str,
    migrations: &Migrator,
) -> Result<(), MigrationError> {
    in_schema(schema, migrations)
        .run(database.pool())
        .await
        .map_err(|source| refused(schema, source))
}

/// Tells which migrations of `schema` are done, and changes nothing but its tracker table.
pub async fn migration_status(
    database: &Database,
    schema: &'static str,
    migrations: &Migrator,
) -> Result<MigrationStatus, MigrationError> {
    let read = async {
        let mut connection = database.pool().acquire().await?;
        let migrator = in_schema(schema, migrations);
        connection.create_schema_if_not_exists(schema).await?;
        connection
            .ensure_migrations_table(&migrator.table_name)
            .await?;
        let done = connection
            .list_applied_migrations(&migrator.table_name)
            .await?;
        Ok(done
            .into_iter()
            .map(|migration| migration.version)
            .collect::<Vec<_>>())
    };
    let applied = read
        .await
        .map_err(|source: MigrateError| refused(schema, source))?;
    let pending = migrations
        .iter()
        .map(|migration| migration.version)
        .filter(|version| !applied.contains(version))
        .collect();
    Ok(MigrationStatus { applied, pending })
}

fn in_schema(schema: &'static str, migrations: &Migrator) -> Migrator {
    Migrator {
        migrations: migrations.migrations.clone(),
        table_name: Cow::Owned(format!("{schema}._migrations")),
        create_schemas: Cow::Owned(vec![Cow::Borrowed(schema)]),
        ..Migrator::DEFAULT
    }
}

fn refused(schema: &'static str, source: MigrateError) -> MigrationError {
    match source {
        MigrateError::VersionMissing(version) => MigrationError::Newer { schema, version },
        source => MigrationError::Failed { schema, source },
    }
}

//! Each service's schema moves forward by itself, once, and never back.

use herdbook_postgres::{MigrationError, migrate, migration_status};
use herdbook_testkit::TestDatabase;
use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

fn migrations(count: i64) -> Migrator {
    let all = [
        (1, "CREATE TABLE pens.animals (name text)"),
        (2, "ALTER TABLE pens.animals ADD COLUMN age int"),
    ];
    let made = all
        .iter()
        .filter(|(version, _)| *version <= count)
        .map(|(version, sql)| {
            Migration::new(
                *version,
                "test".into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        });
    Migrator::with_migrations(made.collect())
}

#[tokio::test]
async fn four_processes_at_once_migrate_once() {
    let test = TestDatabase::create().await;
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let database = test.database();
            tokio::spawn(async move { migrate(&database, "pens", &migrations(2)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let status = migration_status(&test.database(), "pens", &migrations(2))
        .await
        .unwrap();
    assert_eq!((status.applied, status.pending), (vec![1, 2], vec![]));
}

#[tokio::test]
async fn the_status_tells_what_is_to_be_done() {
    let test = TestDatabase::create().await;
    let status = migration_status(&test.database(), "pens", &migrations(2))
        .await
        .unwrap();
    assert_eq!((status.applied, status.pending), (vec![], vec![1, 2]));
    migrate(&test.database(), "pens", &migrations(1))
        .await
        .unwrap();
    let status = migration_status(&test.database(), "pens", &migrations(2))
        .await
        .unwrap();
    assert_eq!((status.applied, status.pending), (vec![1], vec![2]));
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused() {
    let test = TestDatabase::create().await;
    migrate(&test.database(), "pens", &migrations(2))
        .await
        .unwrap();
    let refused = migrate(&test.database(), "pens", &migrations(1))
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        MigrationError::Newer {
            schema: "pens",
            version: 2
        }
    ));
    assert!(refused.to_string().contains("newer Herdbook"));
}

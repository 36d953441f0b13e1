//! Databases of several versions of MLflow, as their migrations left them.

use futures::TryStreamExt as _;
use sqlx::{AnyPool, AssertSqlSafe};

use super::*;
use crate::record::Point;

/// MLflow 1.0: no steps, no NaN, no latest metrics, no registry.
const FIRST: &str = "
    CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), artifact_location VARCHAR(256),
        lifecycle_stage VARCHAR(32));
    CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20),
        user_id VARCHAR(256), status VARCHAR(20), start_time BIGINT, end_time BIGINT, lifecycle_stage VARCHAR(20),
        artifact_uri VARCHAR(200), experiment_id INTEGER);
    CREATE TABLE tags (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32));
    CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32));
    CREATE TABLE params (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32));
    INSERT INTO experiments VALUES (0, 'Default', 'mlruns/0', 'active'), (1, 'old', 'mlruns/1', 'deleted');
    INSERT INTO runs VALUES ('a1', '', 'LOCAL', 'ann', 'FINISHED', 1000, 2000, 'active', 'mlruns/1/a1/artifacts', 1);
    INSERT INTO tags VALUES ('mlflow.runName', 'first', 'a1');
    INSERT INTO params VALUES ('lr', '0.1', 'a1');
    INSERT INTO metrics VALUES ('loss', 0.5, 1500, 'a1'), ('loss', 0.25, 1600, 'a1');";

/// What 1.x added until 1.30: steps, NaN, latest metrics, tags of experiments, the registry.
const SECOND: &str = "
    ALTER TABLE metrics ADD COLUMN step BIGINT DEFAULT 0 NOT NULL;
    ALTER TABLE metrics ADD COLUMN is_nan BOOLEAN DEFAULT 0 NOT NULL;
    ALTER TABLE experiments ADD COLUMN creation_time BIGINT;
    CREATE TABLE experiment_tags (key VARCHAR(250), value VARCHAR(5000), experiment_id INTEGER);
    CREATE TABLE latest_metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN,
        run_uuid VARCHAR(32));
    CREATE TABLE registered_models (name VARCHAR(256) PRIMARY KEY, creation_time BIGINT, last_updated_time BIGINT,
        description VARCHAR(5000));
    CREATE TABLE model_versions (name VARCHAR(256), version INTEGER, creation_time BIGINT, description VARCHAR(5000),
        user_id VARCHAR(256), current_stage VARCHAR(20), source VARCHAR(500), run_id VARCHAR(32), status VARCHAR(20));
    INSERT INTO metrics VALUES ('loss', 0, 1700, 'a1', 3, 1);
    INSERT INTO latest_metrics VALUES ('loss', 0, 1700, 3, 1, 'a1');
    INSERT INTO experiment_tags VALUES ('team', 'risk', 1);
    INSERT INTO registered_models VALUES ('fraud', 5000, 6000, 'finds it');
    INSERT INTO model_versions VALUES ('fraud', 1, 5001, NULL, 'ann', 'Production', 's3://b/1/a1/artifacts/m', 'a1',
        'READY'), ('fraud', 2, 5002, NULL, 'ann', 'Deleted_Internal', 's3://b/x', NULL, 'READY');";

/// What 3.x added: workspaces.
const THIRD: &str = "
    ALTER TABLE experiments ADD COLUMN workspace VARCHAR(63) DEFAULT 'default' NOT NULL;
    ALTER TABLE registered_models ADD COLUMN workspace VARCHAR(63) DEFAULT 'default' NOT NULL;
    CREATE TABLE registered_model_aliases (workspace VARCHAR(63) DEFAULT 'default' NOT NULL, name VARCHAR(256),
        alias VARCHAR(256), version INTEGER);
    INSERT INTO registered_model_aliases VALUES ('default', 'fraud', 'champion', 1), ('other', 'fraud', 'champion', 9);
    INSERT INTO experiments VALUES (7, 'elsewhere', '', 'active', NULL, 'other');
    CREATE TABLE trace_info (request_id VARCHAR(50));
    INSERT INTO trace_info VALUES ('t1'), ('t2');";

/// A database that was migrated so far; it goes with the folder.
async fn database(migrations: &[&str]) -> (tempfile::TempDir, Database) {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a database%.db");
    let file =
        percent_encoding::utf8_percent_encode(path.to_str().unwrap(), &crate::files::URL_PATH)
            .to_string();
    let pool = AnyPool::connect(&format!("sqlite://{file}?mode=rwc"))
        .await
        .unwrap();
    for migration in migrations {
        sqlx::raw_sql(AssertSqlSafe((*migration).to_owned()))
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
    let from = format!("sqlite:///{}", path.display());
    let options = SourceOptions {
        jobs: 2,
        ..Default::default()
    };
    let database = Database::open(&from, &options).await.unwrap();
    (folder, database)
}

async fn all<T>(records: Records<'_, T>) -> Vec<T> {
    records.try_collect().await.unwrap()
}

#[tokio::test]
async fn the_first_version_has_runs_and_points_without_steps() {
    let (_folder, database) = database(&[FIRST]).await;
    let experiments = all(database.experiments()).await;
    assert_eq!(experiments.len(), 2);
    assert!(experiments[1].deleted && experiments[1].created.is_none());
    let runs = all(database.runs("1")).await;
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!((run.name.as_str(), run.user.as_str()), ("first", "ann"));
    assert_eq!(run.params["lr"], "0.1");
    assert_eq!(run.latest, None);
    let points = all(database.points(run)).await;
    let point = |time, value| Point {
        step: 0,
        time,
        value,
    };
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].points, [point(1500, 0.5), point(1600, 0.25)]);
    assert_eq!(all(database.models()).await, []);
    assert_eq!(all(database.logged_models("1")).await, []);
    assert_eq!(all(database.foreign()).await, []);
}

#[tokio::test]
async fn later_ones_have_steps_nan_and_a_registry() {
    let (_folder, database) = database(&[FIRST, SECOND]).await;
    assert_eq!(all(database.experiments()).await[1].tags["team"], "risk");
    let runs = all(database.runs("1")).await;
    let latest = runs[0].latest.as_ref().unwrap()["loss"];
    assert!(latest.value.is_nan() && latest.step == 3);
    let points = all(database.points(&runs[0])).await;
    assert_eq!(points[0].points.len(), 3);
    assert!(points[0].points[2].value.is_nan());
    let models = all(database.models()).await;
    assert_eq!(models[0].description, "finds it");
    // A deleted version stays in the table.
    assert_eq!(models[0].versions.keys().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(models[0].versions[&1].stage, "Production");
}

#[tokio::test]
async fn the_newest_divide_workspaces_and_say_what_stays_behind() {
    let (_folder, database) = database(&[FIRST, SECOND, THIRD]).await;
    let experiments = all(database.experiments()).await;
    assert!(
        experiments
            .iter()
            .all(|experiment| experiment.name != "elsewhere")
    );
    assert_eq!(all(database.models()).await[0].aliases["champion"], 1);
    let foreign = all(database.foreign()).await;
    assert_eq!(
        foreign,
        [Foreign {
            kind: "traces",
            count: 2
        }]
    );
}

#[tokio::test]
async fn what_is_no_mlflow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = |name: &str| format!("sqlite:///{}", folder.path().join(name).display());
    let options = SourceOptions::default();
    let missing = Database::open(&from("missing.db"), &options)
        .await
        .err()
        .unwrap();
    assert!(missing.to_string().contains("no such file"), "{missing}");
    std::fs::write(folder.path().join("empty.db"), "").unwrap();
    let empty = Database::open(&from("empty.db"), &options)
        .await
        .err()
        .unwrap();
    assert!(
        empty.to_string().contains("no database of MLflow"),
        "{empty}"
    );
}

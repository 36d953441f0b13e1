//! The embedded cluster starts whatever came before it.

use std::{fs, path::Path, time::Duration};

use herdbook_postgres::{
    Database,
    embedded::{DataDir, EmbeddedError, EmbeddedPostgres},
};
use herdbook_testkit::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder that the account which runs Postgres can enter.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new()
        .prefix("herdbook-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn count(database: &Database) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(database.pool())
        .await
}

async fn keep_a_row(database: &Database) {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
        .execute(database.pool())
        .await
        .unwrap();
}

fn postmaster(data_dir: &Path) -> Pid {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn data_outlives_a_stop_and_a_start() {
    let folder = folder();
    let data_dir = DataDir::open(folder.path()).unwrap();
    for expected in 1..=2 {
        let postgres = EmbeddedPostgres::start(&data_dir).await.unwrap();
        let database = postgres.database("test").await.unwrap();
        keep_a_row(&database).await;
        assert_eq!(count(&database).await.unwrap(), expected);
        database.close().await;
        postgres.stop().await;
        assert!(!folder.path().join("postgres/postmaster.pid").exists());
    }
}

#[tokio::test]
async fn a_killed_server_comes_back_with_all_that_was_committed() {
    let folder = folder();
    let postgres = EmbeddedPostgres::start(&DataDir::open(folder.path()).unwrap())
        .await
        .unwrap();
    let database = postgres.database("test").await.unwrap();
    keep_a_row(&database).await;
    kill_process(postmaster(folder.path()), Signal::KILL).unwrap();
    let rows = wait_until("postgres is back", async || count(&database).await.ok()).await;
    assert_eq!(rows, 1);
    database.close().await;
    postgres.stop().await;
}

#[tokio::test]
async fn the_server_that_a_killed_herdbook_left_is_taken_over() {
    let folder = folder();
    let data_dir = DataDir::open(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let path = folder.path().to_owned();
    let orphan = tokio::task::spawn_blocking(move || {
        let postgres = runtime
            .block_on(EmbeddedPostgres::start(&data_dir))
            .unwrap();
        let database = runtime.block_on(postgres.database("test")).unwrap();
        runtime.block_on(keep_a_row(&database));
        // The supervisor ends with its runtime and leaves its server, as a kill -9 would.
        runtime.shutdown_timeout(Duration::ZERO);
        postmaster(&path)
    });
    let orphan = orphan.await.unwrap();

    let postgres = EmbeddedPostgres::start(&DataDir::open(folder.path()).unwrap())
        .await
        .unwrap();
    assert_ne!(postmaster(folder.path()), orphan);
    let database = postgres.database("test").await.unwrap();
    assert_eq!(count(&database).await.unwrap(), 1);
    database.close().await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_stale_pid_file_that_names_a_stranger_harms_nobody() {
    let folder = folder();
    let data_dir = DataDir::open(folder.path()).unwrap();
    EmbeddedPostgres::start(&data_dir)
        .await
        .unwrap()
        .stop()
        .await;
    let mut stranger = tokio::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let pid_file = folder.path().join("postgres/postmaster.pid");
    fs::write(
        &pid_file,
        format!("{}\n{}\n", stranger.id().unwrap(), folder.path().display()),
    )
    .unwrap();

    let postgres = EmbeddedPostgres::start(&data_dir).await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger lives");
    postgres.stop().await;
    stranger.kill().await.unwrap();
}

#[tokio::test]
async fn an_initialisation_that_was_cut_short_is_made_anew() {
    let folder = folder();
    let data_dir = DataDir::open(folder.path()).unwrap();
    fs::create_dir_all(folder.path().join("postgres.making/base")).unwrap();
    let postgres = EmbeddedPostgres::start(&data_dir).await.unwrap();
    keep_a_row(&postgres.database("test").await.unwrap()).await;
    postgres.stop().await;
}

#[tokio::test]
async fn a_data_directory_is_open_to_one_process() {
    let folder = folder();
    let _first = DataDir::open(folder.path()).unwrap();
    let refused = DataDir::open(folder.path()).unwrap_err();
    let EmbeddedError::InUse { pid, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(pid, std::process::id().to_string());
}

#[tokio::test]
async fn data_of_another_major_version_names_the_missing_package() {
    let folder = folder();
    let data_dir = DataDir::open(folder.path()).unwrap();
    fs::create_dir_all(folder.path().join("postgres")).unwrap();
    fs::write(folder.path().join("postgres/PG_VERSION"), "11\n").unwrap();
    let refused = EmbeddedPostgres::start(&data_dir).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("apt-get install postgresql-11"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_path_that_cannot_be_a_folder_is_refused_with_advice() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = DataDir::open(&file.join("data")).unwrap_err();
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
}

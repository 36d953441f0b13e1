//! Entries of the outbox arrive at least once, whatever happens to who delivers them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use herdbook_core::WorkspaceId;
use herdbook_postgres::{
    Outbox,
    outbox::{Entry, Undelivered},
};
use herdbook_testkit::{TestDatabase, wait_until};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

const TABLE: &str = "CREATE SCHEMA pens;
    CREATE TABLE pens.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, workspace_id int NOT NULL,
        payload bytea NOT NULL, attempts int NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now(), parked text);
    CREATE INDEX outbox_due ON pens.outbox (due_at, id) WHERE parked IS NULL";

/// How often each payload was delivered.
type Delivered = Arc<Mutex<BTreeMap<Vec<u8>, usize>>>;

async fn outbox() -> (PgPool, Outbox) {
    let pool = TestDatabase::create().await.database().pool().clone();
    sqlx::raw_sql(TABLE).execute(&pool).await.unwrap();
    (pool, Outbox::new("pens"))
}

async fn add(pool: &PgPool, outbox: &Outbox, payloads: impl IntoIterator<Item = String>) {
    let mut transaction = herdbook_postgres::begin(pool).await.unwrap();
    for payload in payloads {
        outbox
            .add(&mut transaction, WorkspaceId(1), payload.as_bytes())
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    outbox.wake();
}

fn relay(
    pool: &PgPool,
    outbox: &Outbox,
    shutdown: &CancellationToken,
    answer: impl Fn(&Entry) -> Result<(), Undelivered> + Send + Sync + 'static,
) -> (Delivered, tokio::task::JoinHandle<()>) {
    let delivered = Delivered::default();
    let (pool, outbox, shutdown, seen) = (
        pool.clone(),
        outbox.clone(),
        shutdown.clone(),
        delivered.clone(),
    );
    let task = tokio::spawn(async move {
        // All or none of a group.
        let deliver = |entries: Vec<Entry>| {
            let result = entries.iter().try_for_each(&answer);
            if result.is_ok() {
                for entry in entries {
                    *seen.lock().unwrap().entry(entry.payload).or_default() += 1;
                }
            }
            std::future::ready(result)
        };
        outbox.relay(&pool, &shutdown, deliver).await;
    });
    (delivered, task)
}

async fn left(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pens.outbox")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn two_relays_share_the_work_and_nothing_is_left() {
    let (pool, outbox) = outbox().await;
    let shutdown = CancellationToken::new();
    let (first, first_task) = relay(&pool, &outbox, &shutdown, |_| Ok(()));
    let (second, second_task) = relay(&pool, &Outbox::new("pens"), &shutdown, |_| Ok(()));
    add(&pool, &outbox, (0..1_000).map(|n| n.to_string())).await;
    wait_until("the outbox is empty", async || {
        (left(&pool).await == 0).then_some(())
    })
    .await;
    shutdown.cancel();
    first_task.await.unwrap();
    second_task.await.unwrap();
    let mut all = first.lock().unwrap().clone();
    for (payload, count) in second.lock().unwrap().iter() {
        *all.entry(payload.clone()).or_default() += count;
    }
    assert_eq!(all.len(), 1_000);
    assert!(
        all.values().all(|count| *count == 1),
        "no lease ended, so none was delivered twice"
    );
}

#[tokio::test]
async fn an_entry_of_a_rolled_back_change_is_never_delivered() {
    let (pool, outbox) = outbox().await;
    let mut transaction = herdbook_postgres::begin(&pool).await.unwrap();
    outbox
        .add(&mut transaction, WorkspaceId(1), b"undone")
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    add(&pool, &outbox, ["done".to_owned()]).await;
    let shutdown = CancellationToken::new();
    let (delivered, task) = relay(&pool, &outbox, &shutdown, |_| Ok(()));
    wait_until("the outbox is empty", async || {
        (left(&pool).await == 0).then_some(())
    })
    .await;
    shutdown.cancel();
    task.await.unwrap();
    assert_eq!(
        delivered.lock().unwrap().keys().collect::<Vec<_>>(),
        [&b"done".to_vec()]
    );
}

#[tokio::test]
async fn a_refused_entry_is_parked_and_holds_up_nobody() {
    let (pool, outbox) = outbox().await;
    add(&pool, &outbox, ["poison".to_owned(), "good".to_owned()]).await;
    let shutdown = CancellationToken::new();
    let (delivered, task) = relay(&pool, &outbox, &shutdown, |entry| {
        if entry.payload == b"poison" {
            Err(Undelivered::Refused("unknown kind".into()))
        } else {
            Ok(())
        }
    });
    wait_until("one is left", async || {
        (left(&pool).await == 1).then_some(())
    })
    .await;
    shutdown.cancel();
    task.await.unwrap();
    assert!(delivered.lock().unwrap().contains_key(b"good".as_slice()));
    let parked: String = sqlx::query_scalar("SELECT parked FROM pens.outbox")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(parked, "unknown kind");
}

#[tokio::test]
async fn an_entry_is_tried_again_while_the_receiver_is_away() {
    let (pool, outbox) = outbox().await;
    add(&pool, &outbox, ["late".to_owned()]).await;
    let shutdown = CancellationToken::new();
    let (delivered, task) = relay(&pool, &outbox, &shutdown, |entry| {
        let _ = entry;
        static TRIES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        if TRIES.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            Err(Undelivered::Later("away".into()))
        } else {
            Ok(())
        }
    });
    wait_until("the outbox is empty", async || {
        (left(&pool).await == 0).then_some(())
    })
    .await;
    shutdown.cancel();
    task.await.unwrap();
    assert_eq!(delivered.lock().unwrap()[b"late".as_slice()], 1);
}

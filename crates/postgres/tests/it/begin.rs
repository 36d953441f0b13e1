//! A transaction whose beginning is cancelled leaves nothing on its connection.

use futures::FutureExt as _;
use herdbook_testkit::TestDatabase;
use sqlx::{PgPool, postgres::PgPoolOptions};

async fn count(pool: &PgPool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM sheep");
    count.fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn what_is_written_after_a_cancelled_begin_is_committed() {
    let test = TestDatabase::create().await;
    let database = test.database();
    let others = database.pool();
    sqlx::raw_sql("CREATE TABLE sheep (name text)")
        .execute(others)
        .await
        .unwrap();
    // One connection: the next statement gets the one that was begun on.
    let one = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false);
    let options = others.connect_options();
    let pool = one.connect_with((*options).clone()).await.unwrap();
    for written in 1..=20 {
        // Polled once: BEGIN is on its way, and nobody waits for the answer any more.
        assert!(herdbook_postgres::begin(&pool).now_or_never().is_none());
        tokio::task::yield_now().await;
        sqlx::query("INSERT INTO sheep VALUES ('Dolly')")
            .execute(&pool)
            .await
            .unwrap();
        assert_eq!(count(others).await, written);
    }
}

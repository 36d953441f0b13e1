//! References that values hold.

use herdbook_proto::tracking::v1::{Document, Text, value::Kind};

use super::*;
use crate::store::place::{Place, WORKSPACE};

fn value(key: &str, step: i64, blob: Option<Blob>) -> Value {
    let kind = match blob {
        Some(_) => Kind::Document(Document::default()),
        None => Kind::Text(Text::default()),
    };
    Value {
        key: key.to_owned(),
        step,
        index: 0,
        time_us: 1,
        kind,
        blob,
    }
}

async fn log(place: &Place, run: RunId, values: &[Value]) {
    let logged = place.store.log_values(WORKSPACE, run, values, None);
    logged.await.unwrap();
}

#[tokio::test]
async fn each_value_with_bytes_holds_one_reference() {
    let place = Place::new().await;
    let (run, key) = place.run().await;
    let (one, two) = (place.blob(b"1").await, place.blob(b"22").await);
    let first = [value("a", 1, Some(one)), value("a", 2, Some(one))];
    log(&place, run, &first).await;
    assert_eq!(place.counts().await, [(1, 2), (2, 0)]);
    let second = [value("a", 2, Some(two)), value("a", 3, Some(two))];
    log(&place, run, &second).await;
    log(&place, run, &second).await;
    assert_eq!(place.counts().await, [(1, 1), (2, 2)]);
    let series = place.store.value_series(key, "", 9).await.unwrap();
    assert_eq!(series.len(), 1);
    let Series {
        count,
        first_step,
        last_step,
        ..
    } = &series[0];
    assert_eq!((*count, *first_step, *last_step), (3, 1, 3));
}

#[tokio::test]
async fn a_purged_run_gives_its_references_back() {
    let place = Place::new().await;
    let ((run, key), (other, _)) = (place.run().await, place.run().await);
    let blob = place.blob(b"1").await;
    let values = [value("a", 1, Some(blob)), value("b", 1, None)];
    let logged = place
        .store
        .log_values(WORKSPACE, run, &values, Some("once"));
    logged.await.unwrap();
    log(&place, other, &values).await;
    assert_eq!(place.counts().await, [(1, 2)]);
    let mut transaction = herdbook_postgres::begin(place.database.pool())
        .await
        .unwrap();
    purge(&mut transaction, key).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(place.counts().await, [(1, 1)]);
    // Nothing is left that would keep the run.
    place
        .execute(
            "DELETE FROM tracking.runs WHERE run_key = (SELECT min(run_key) FROM tracking.runs)",
        )
        .await;
}

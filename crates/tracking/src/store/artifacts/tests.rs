//! References that entries hold.

use super::*;
use crate::store::place::Place;

#[tokio::test]
async fn each_entry_holds_one_reference() {
    let place = Place::new().await;
    let (run, _) = place.run().await;
    place.put(run, "a", b"1").await;
    place.put(run, "b", b"1").await;
    place.put(run, "b", b"1").await;
    assert_eq!(place.counts().await, [(1, 2)]);
    place.put(run, "b", b"22").await;
    assert_eq!(place.counts().await, [(1, 1), (2, 1)]);
}

#[tokio::test]
async fn writers_of_one_path_leave_one_reference() {
    let place = std::sync::Arc::new(Place::new().await);
    let (run, _) = place.run().await;
    let contents: [&[u8]; 4] = [b"1", b"22", b"333", b"4444"];
    let tasks = contents.map(|content| {
        let place = place.clone();
        tokio::spawn(async move { place.put(run, "a", content).await })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let counts = place.counts().await;
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<i64>(), 1);
}

#[tokio::test]
async fn a_purged_run_gives_its_references_back() {
    let place = Place::new().await;
    let ((run, key), (other, _)) = (place.run().await, place.run().await);
    place.put(run, "a", b"1").await;
    place.put(run, "b", b"22").await;
    place.put(run, "c", b"22").await;
    place.put(other, "a", b"1").await;
    let mut transaction = herdbook_postgres::begin(place.database.pool())
        .await
        .unwrap();
    purge(&mut transaction, HolderKey::Run(key)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(place.counts().await, [(1, 1), (2, 0)]);
    assert_eq!(
        place
            .store
            .artifacts(HolderKey::Run(key), "", None, 9)
            .await
            .unwrap()
            .len(),
        0
    );
}

#[tokio::test]
async fn entries_of_versions_that_did_not_count_are_counted_once() {
    let place = Place::new().await;
    let (run, _) = place.run().await;
    place.put(run, "old", b"1").await;
    place.put(run, "older", b"1").await;
    place
        .execute("UPDATE tracking.artifacts SET held = NULL; DELETE FROM blobs.blobs")
        .await;
    place.put(run, "new", b"22").await;
    place.put(run, "other", b"333").await;
    // An old version replaces a file beside a new one.
    place
        .execute(
            "UPDATE tracking.artifacts AS a SET digest = o.digest, size = o.size \
             FROM tracking.artifacts AS o WHERE a.path = 'new' AND o.path = 'other'",
        )
        .await;
    while place.store.count_artifacts().await.unwrap() {}
    assert_eq!(place.counts().await, [(1, 2), (2, 0), (3, 2)]);
    assert!(!place.store.count_artifacts().await.unwrap());
}

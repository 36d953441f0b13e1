//! References: counted exactly, whoever takes them at the same time.

use std::sync::Arc;

use herdbook_blobs::{BlobError, References};
use herdbook_core::Digest;

use crate::place::{DAY, Place};

async fn counts(place: &Place) -> Vec<i64> {
    sqlx::query_scalar("SELECT reference_count FROM blobs.blobs ORDER BY size")
        .fetch_all(place.database.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_a_transaction_takes_and_releases_is_what_counts() {
    let place = Place::new().await;
    let (a, b) = (place.put(b"a").await.digest, place.put(b"bb").await.digest);
    place.take(&[a, b, b]).await.unwrap();
    assert_eq!(counts(&place).await, [1, 2]);
    let mut references = References::default();
    references.release(b);
    references.take(a);
    references.release(a);
    place.apply(references).await.unwrap();
    assert_eq!(counts(&place).await, [1, 1]);
}

#[tokio::test]
async fn a_blob_that_was_never_put_cannot_be_named() {
    let place = Place::new().await;
    let there = place.put(b"a").await.digest;
    let refused = place.take(&[there, Digest([9; 32])]).await.unwrap_err();
    assert!(matches!(refused, BlobError::Gone(digest) if digest == Digest([9; 32])));
    assert_eq!(counts(&place).await, [0]);
}

#[tokio::test]
async fn transactions_that_share_blobs_do_not_deadlock() {
    let place = Arc::new(Place::new().await);
    let mut digests = Vec::new();
    for n in 0..8_u8 {
        digests.push(place.put(&vec![n; usize::from(n) + 1]).await.digest);
    }
    let tasks = (0..8).map(|n| {
        let (place, mut digests) = (place.clone(), digests.clone());
        tokio::spawn(async move {
            for _ in 0..25 {
                digests.rotate_left(n);
                digests.reverse();
                place.take(&digests).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(counts(&place).await, [200; 8]);
}

#[tokio::test]
async fn blobs_of_versions_that_did_not_count_are_adopted() {
    let place = Place::new().await;
    let old = place.put(b"old").await;
    place.execute("DELETE FROM blobs.blobs").await;
    assert!(matches!(
        place.take(&[old.digest]).await.unwrap_err(),
        BlobError::Gone(_)
    ));
    place.blobs.adopt(&[old, old]).await.unwrap();
    place.take(&[old.digest]).await.unwrap();
    let mut references = References::default();
    references.adopt(old);
    place.apply(references).await.unwrap();
    assert_eq!(counts(&place).await, [2]);
    let gone = herdbook_blobs::Blob {
        digest: Digest([9; 32]),
        size: 1,
    };
    let refused = place.blobs.adopt(&[old, gone]).await.unwrap_err();
    assert!(matches!(refused, BlobError::Gone(_)));
    assert_eq!(place.collect(DAY).await, 0);
}

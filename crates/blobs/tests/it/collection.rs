//! Collection: what nothing names goes after its grace, and nothing else.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use herdbook_blobs::{BlobError, Owner};
use tokio_util::sync::CancellationToken;

use crate::place::{DAY, Place};

const TWO_DAYS_LATER: &str = "UPDATE blobs.blobs SET unreferenced_at = unreferenced_at - interval '2 days', \
     collecting_at = collecting_at - interval '2 days'";

#[tokio::test]
async fn a_blob_that_nothing_names_goes_after_its_grace() {
    let place = Place::new().await;
    let (named, unnamed) = (place.put(b"named").await, place.put(b"unnamed").await);
    let released = place.put(b"released").await;
    place.take(&[named.digest, released.digest]).await.unwrap();
    assert_eq!(place.collect(DAY).await, 0);
    place.execute(TWO_DAYS_LATER).await;
    place.release(released.digest).await;
    assert_eq!(place.collect(DAY).await, 1);
    assert!(!place.is_there(unnamed).await);
    assert!(place.is_there(named).await && place.is_there(released).await);
    place.execute(TWO_DAYS_LATER).await;
    assert_eq!(place.collect(DAY).await, 1);
    assert!(place.is_there(named).await && !place.is_there(released).await);
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn bytes_that_are_uploaded_again_get_their_grace_anew() {
    let place = Place::new().await;
    let blob = place.put(b"abc").await;
    place.execute(TWO_DAYS_LATER).await;
    place.put(b"abc").await;
    assert_eq!(place.collect(DAY).await, 0);
    assert!(place.is_there(blob).await);
}

#[tokio::test]
async fn nothing_is_collected_before_all_manifests_are_counted() {
    let place = Place::new().await;
    let blob = place.put(b"abc").await;
    place.execute(TWO_DAYS_LATER).await;
    assert_eq!(place.collect_with(DAY, &[]).await, 0);
    assert_eq!(place.collect_with(DAY, &[Owner::Tracking]).await, 0);
    assert_eq!(place.collect_with(DAY, &[Owner::Tracking]).await, 0);
    assert!(place.is_there(blob).await);
    assert_eq!(place.collect_with(DAY, &[Owner::Registry]).await, 1);
}

#[tokio::test]
async fn what_a_killed_collector_left_is_finished_by_the_next() {
    let place = Place::new().await;
    for content in [&b"bytes there"[..], b"bytes gone"] {
        let blob = place.put(content).await;
        let file = place.files().pop().unwrap();
        place.execute(TWO_DAYS_LATER).await;
        place
            .execute("UPDATE blobs.blobs SET collecting_at = clock_timestamp()")
            .await;
        if content == b"bytes gone" {
            std::fs::remove_file(&file).unwrap();
        }
        let mut cut_short = file.into_os_string();
        cut_short.push("#1");
        std::fs::write(cut_short, b"byt").unwrap();
        let refused = place.take(&[blob.digest]).await.unwrap_err();
        assert!(matches!(refused, BlobError::Gone(_)));
        assert_eq!(place.collect(DAY).await, 0, "another may be at it");
        place.execute(TWO_DAYS_LATER).await;
        assert_eq!(place.collect(DAY).await, 1);
        assert!(!place.is_there(blob).await);
        assert!(place.files().is_empty());
    }
}

#[tokio::test]
async fn bytes_that_a_killed_collector_removed_can_be_uploaded_again() {
    let place = Place::new().await;
    let blob = place.put(b"abc").await;
    std::fs::remove_file(place.files().pop().unwrap()).unwrap();
    place
        .execute("UPDATE blobs.blobs SET collecting_at = clock_timestamp() - interval '2 days'")
        .await;
    place.put(b"abc").await;
    place.take(&[blob.digest]).await.unwrap();
    assert!(place.is_there(blob).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_is_named_is_there_whoever_collects_meanwhile() {
    let place = Arc::new(Place::new().await);
    let stop = CancellationToken::new();
    let collectors = (0..2).map(|_| {
        let (place, stop) = (place.clone(), stop.clone());
        tokio::spawn(async move {
            let mut collected = 0;
            while !stop.is_cancelled() {
                collected += place.collect(Duration::ZERO).await;
            }
            collected
        })
    });
    let collectors: Vec<_> = collectors.collect();
    let writers = (0..4_u8).map(|n| {
        let place = place.clone();
        tokio::spawn(async move {
            let mut named = 0;
            while named < 50 {
                // Two writers share each content.
                let named_blob = async {
                    let blob = place.try_put(&[n / 2; 100]).await?;
                    place.take(&[blob.digest]).await?;
                    Ok(blob)
                };
                match named_blob.await {
                    Ok(blob) => {
                        assert!(place.is_there(blob).await);
                        tokio::task::yield_now().await;
                        assert!(place.is_there(blob).await);
                        place.release(blob.digest).await;
                        named += 1;
                    }
                    // Without any grace, an upload may lose its bytes under way.
                    Err(BlobError::Gone(_) | BlobError::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    stop.cancel();
    let mut collected = 0;
    for collector in collectors {
        collected += collector.await.unwrap();
    }
    assert!(collected > 0, "the collectors had their part");
}

#[tokio::test]
async fn uploads_that_were_cut_short_go_after_the_grace() {
    let place = Place::new().await;
    let uploads = place.folder.path().join("uploads");
    std::fs::create_dir(&uploads).unwrap();
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    for (name, hours) in [("0a", 25), ("0b#1", 25), ("0c", 23), ("0d#1", 23)] {
        let file = std::fs::File::create(uploads.join(name)).unwrap();
        file.set_modified(hours_ago(hours)).unwrap();
    }
    place.collect(DAY).await;
    let mut left: Vec<_> = place.files();
    left.sort_unstable();
    assert_eq!(left, [uploads.join("0c"), uploads.join("0d#1")]);
}

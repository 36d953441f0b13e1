//! References that parts hold.

use super::*;
use crate::store::place::{Place, WORKSPACE};

async fn part(place: &Place, number: u32, content: &'static [u8]) -> Part {
    let blob = place.blob(content).await;
    Part { number, blob }
}

async fn begun(place: &Place, parts: &[(u32, &'static [u8])]) -> (Holder, UploadId) {
    let holder = Holder::Run(place.run().await.0);
    let (id, _) = place
        .store
        .create_upload(WORKSPACE, holder, "a")
        .await
        .unwrap();
    for (number, content) in parts {
        let part = part(place, *number, content).await;
        place.store.put_part(WORKSPACE, id, part).await.unwrap();
    }
    (holder, id)
}

async fn bytes(place: &Place) -> i64 {
    let usage = place.store.usage(WORKSPACE).await.unwrap();
    usage.1.bytes
}

#[tokio::test]
async fn each_part_holds_one_reference_until_the_file_does() {
    let place = Place::new().await;
    let (holder, id) = begun(&place, &[(1, b"1"), (2, b"1"), (2, b"22"), (2, b"22")]).await;
    assert_eq!(place.counts().await, [(1, 1), (2, 1)]);
    assert_eq!(bytes(&place).await, 3);
    let blob = place.blob(b"122").await;
    let path = "a".to_owned();
    let file = Artifact { path, blob };
    for _ in 0..2 {
        let complete = place.store.complete_upload(WORKSPACE, id, holder, &file);
        complete.await.unwrap();
        assert_eq!(place.counts().await, [(1, 0), (2, 0), (3, 1)]);
        assert_eq!(bytes(&place).await, 3);
    }
    let upload = place.store.upload(WORKSPACE, id).await.unwrap();
    assert_eq!(upload.done.map(|file| file.blob), Some(blob));
    let late = part(&place, 3, b"4444").await;
    let refused = place.store.put_part(WORKSPACE, id, late).await;
    assert!(matches!(refused, Err(TrackingError::UploadComplete(_))));
    place.store.abort_upload(WORKSPACE, id).await.unwrap();
    assert_eq!(bytes(&place).await, 3);
}

#[tokio::test]
async fn what_is_aborted_frees_its_parts_and_what_is_old_too() {
    let place = Place::new().await;
    let (_, aborted) = begun(&place, &[(1, b"1")]).await;
    for _ in 0..2 {
        place.store.abort_upload(WORKSPACE, aborted).await.unwrap();
    }
    assert_eq!(place.counts().await, [(1, 0)]);
    let (_, old) = begun(&place, &[(1, b"1")]).await;
    let (_, young) = begun(&place, &[(1, b"22")]).await;
    place
        .execute(
            "UPDATE tracking.uploads SET touched_at = now() - interval '25 hours' \
             WHERE upload_key = (SELECT min(upload_key) FROM tracking.uploads)",
        )
        .await;
    assert!(!place.store.forget_uploads().await.unwrap());
    assert_eq!(place.counts().await, [(1, 0), (2, 1)]);
    assert_eq!(bytes(&place).await, 2);
    let gone = place.store.upload(WORKSPACE, old).await;
    assert!(matches!(gone, Err(TrackingError::UploadNotFound(_))));
    assert_eq!(
        place
            .store
            .upload(WORKSPACE, young)
            .await
            .unwrap()
            .parts
            .len(),
        1
    );
}

#[tokio::test]
async fn another_workspace_finds_nothing() {
    let place = Place::new().await;
    let (_, id) = begun(&place, &[(1, b"1")]).await;
    let other = WorkspaceId(2);
    let late = part(&place, 1, b"22").await;
    for refused in [
        place.store.upload(other, id).await.map(|_| ()),
        place.store.put_part(other, id, late).await,
    ] {
        assert!(matches!(refused, Err(TrackingError::UploadNotFound(_))));
    }
    place.store.abort_upload(other, id).await.unwrap();
    assert_eq!(place.counts().await[0], (1, 1));
}

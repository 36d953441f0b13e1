//! Bytes that are put and read.

use herdbook_blobs::{BlobError, BlobStore};
use herdbook_core::Digest;

use crate::place::{Place, pieces};

#[tokio::test]
async fn small_empty_and_large_blobs_come_back_whole_and_in_part() {
    let place = Place::new().await;
    let large: Vec<u8> = (0..20_u32 << 20).map(|n| (n % 251) as u8).collect();
    for content in [&b""[..], b"abc", &large] {
        let blob = place
            .blobs
            .put(pieces(content), None, Some(content.len() as u64))
            .await
            .unwrap();
        assert_eq!(place.read(blob, 0..blob.size).await.unwrap(), content);
        let middle = blob.size / 3..blob.size / 2;
        let expected = &content[content.len() / 3..content.len() / 2];
        assert_eq!(place.read(blob, middle).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_same_bytes_are_stored_once() {
    let place = Place::new().await;
    let content = vec![7; 9 << 20];
    let first = place.blobs.put(pieces(&content), None, None).await.unwrap();
    let second = place
        .blobs
        .put(pieces(&content), Some(first.digest), None)
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn what_is_not_as_announced_leaves_nothing() {
    let place = Place::new().await;
    let other = Digest([1; 32]);
    for content in [vec![1; 10], vec![1; 9 << 20]] {
        let size = content.len() as u64;
        let refused = place
            .blobs
            .put(pieces(&content), Some(other), None)
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::DigestMismatch { .. }));
        let refused = place
            .blobs
            .put(pieces(&content), None, Some(size + 1))
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::SizeMismatch { .. }));
        let refused = place
            .blobs
            .put(pieces(&content), None, Some(size - 1))
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::SizeMismatch { .. }));
    }
    assert_eq!(place.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn damage_and_loss_are_noticed() {
    let place = Place::new().await;
    let blob = place.blobs.put(pieces(b"abc"), None, None).await.unwrap();
    let file = place.files().pop().unwrap();
    std::fs::write(&file, b"abd").unwrap();
    assert!(matches!(
        place.read(blob, 0..3).await.unwrap_err(),
        BlobError::Damaged(_)
    ));
    std::fs::write(&file, b"ab").unwrap();
    assert!(matches!(
        place.read(blob, 0..1).await.unwrap_err(),
        BlobError::Damaged(_)
    ));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(
        place.read(blob, 0..3).await.unwrap_err(),
        BlobError::Missing(_)
    ));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_with_advice() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = format!("file://{}/blobs", file.path().display());
    let refused = BlobStore::open(&url).unwrap_err();
    assert!(
        refused.to_string().contains("choose another folder"),
        "{refused}"
    );
    assert!(BlobStore::open("nonsense").is_err());
}

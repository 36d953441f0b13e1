//! Blobs on a local folder.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use bytes::Bytes;
use futures::{TryStreamExt as _, stream};
use herdbook_blobs::{Blob, BlobError, BlobStore};
use herdbook_core::Digest;

type Pieces = stream::Iter<std::vec::IntoIter<Result<Bytes, Infallible>>>;

fn pieces(content: &[u8]) -> Pieces {
    let pieces: Vec<_> = content
        .chunks(1 << 20)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .collect();
    stream::iter(pieces)
}

async fn read(
    store: &BlobStore,
    blob: Blob,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let pieces: Vec<Bytes> = store.get(blob, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

fn folder() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&format!("file://{}", folder.path().display())).unwrap();
    (folder, store)
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn small_empty_and_large_blobs_come_back_whole_and_in_part() {
    let (_folder, store) = folder();
    let large: Vec<u8> = (0..20_u32 << 20).map(|n| (n % 251) as u8).collect();
    for content in [&b""[..], b"abc", &large] {
        let blob = store
            .put(pieces(content), None, Some(content.len() as u64))
            .await
            .unwrap();
        assert_eq!(read(&store, blob, 0..blob.size).await.unwrap(), content);
        let middle = blob.size / 3..blob.size / 2;
        let expected = &content[content.len() / 3..content.len() / 2];
        assert_eq!(read(&store, blob, middle).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_same_bytes_are_stored_once() {
    let (folder, store) = folder();
    let content = vec![7; 9 << 20];
    let first = store.put(pieces(&content), None, None).await.unwrap();
    let second = store
        .put(pieces(&content), Some(first.digest), None)
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(files(folder.path()).len(), 1);
}

#[tokio::test]
async fn what_is_not_as_announced_leaves_nothing() {
    let (folder, store) = folder();
    let other = Digest([1; 32]);
    for content in [vec![1; 10], vec![1; 9 << 20]] {
        let size = content.len() as u64;
        let refused = store
            .put(pieces(&content), Some(other), None)
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::DigestMismatch { .. }));
        let refused = store
            .put(pieces(&content), None, Some(size + 1))
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::SizeMismatch { .. }));
        let refused = store
            .put(pieces(&content), None, Some(size - 1))
            .await
            .unwrap_err();
        assert!(matches!(refused, BlobError::SizeMismatch { .. }));
    }
    assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn damage_and_loss_are_noticed() {
    let (folder, store) = folder();
    let blob = store.put(pieces(b"abc"), None, None).await.unwrap();
    let file = files(folder.path()).pop().unwrap();
    std::fs::write(&file, b"abd").unwrap();
    assert!(matches!(
        read(&store, blob, 0..3).await.unwrap_err(),
        BlobError::Damaged(_)
    ));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(
        read(&store, blob, 0..3).await.unwrap_err(),
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

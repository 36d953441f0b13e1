//! Folders of artifacts, which are there by the paths of the files in them.

use super::{
    Store,
    artifacts::{Artifact, HolderKey, read},
};
use crate::TrackingError;

/// What lies in a folder.
#[derive(Debug, Clone)]
pub(crate) enum FolderEntry {
    File(Artifact),
    /// The path of a folder.
    Folder(String),
}

impl FolderEntry {
    /// From where on the entries after it are.
    pub(crate) fn next(&self) -> String {
        match self {
            // No path has control characters: nothing is in between.
            Self::File(artifact) => format!("{}\u{1}", artifact.path),
            // All that is below `folder/` comes before `folder0`.
            Self::Folder(path) => format!("{path}0"),
        }
    }
}

impl Store {
    /// What lies directly in `folder` (the topmost, if empty), by path, from `from` on.
    pub(crate) async fn folder(
        &self,
        key: HolderKey,
        folder: &str,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FolderEntry>, TrackingError> {
        let (prefix, end) = match folder {
            "" => (String::new(), None),
            folder => (format!("{folder}/"), Some(format!("{folder}0"))),
        };
        // Jumps from entry to entry, whatever a folder has in it.
        let rows: Vec<(String, Option<String>, i64, Vec<u8>)> =
            sqlx::query_as(key.sql(include_str!("folder.sql")))
                .bind(key.number())
                .bind(from.unwrap_or(&prefix))
                .bind(end)
                .bind(i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX))
                .bind(i32::try_from(limit).unwrap_or(i32::MAX))
                .fetch_all(&self.pool)
                .await?;
        let entry =
            |(path, folder, size, digest): (String, Option<String>, i64, Vec<u8>)| match folder {
                Some(folder) => Some(FolderEntry::Folder(folder)),
                None => read(path, size, &digest).map(FolderEntry::File),
            };
        Ok(rows.into_iter().filter_map(entry).collect())
    }
}

//! Files and folders as answers have them.

use herdbook_proto::tracking::v1::{FolderEntry, folder_entry::Entry};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<Shown>,
}

#[derive(Serialize)]
pub(super) struct Shown {
    path: String,
    is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<i64>,
}

impl Shown {
    /// With the whole path below the root.
    pub(super) fn by_path(entry: FolderEntry) -> Self {
        match entry.entry {
            Some(Entry::File(file)) => Self {
                path: file.path,
                is_dir: false,
                file_size: Some(file.size),
            },
            Some(Entry::Folder(path)) => Self {
                path,
                is_dir: true,
                file_size: None,
            },
            None => Self {
                path: String::new(),
                is_dir: false,
                file_size: None,
            },
        }
    }

    /// With the name in its folder alone.
    pub(super) fn by_name(entry: FolderEntry) -> Self {
        let shown = Self::by_path(entry);
        let name = shown.path.rsplit('/').next().unwrap_or_default();
        Self {
            path: name.to_owned(),
            ..shown
        }
    }
}

//! How objects are named: the only place that makes a path in the store.

use herdbook_core::Digest;
use object_store::path::Path;

/// An object in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// A whole blob; never overwritten with other bytes.
    Blob(Digest),
    /// An upload under way.
    Upload(u128),
}

impl Object {
    /// Its place below `root`: `blobs/sha256/ab/abcd…`, with a folder for each first byte so that no
    /// local folder grows too large, or `uploads/<number>`.
    pub(crate) fn path(self, root: &Path) -> Path {
        let relative = match self {
            Self::Blob(digest) => {
                let hex = digest.to_hex();
                format!("blobs/sha256/{}/{hex}", &hex[..2])
            }
            Self::Upload(number) => format!("uploads/{number:032x}"),
        };
        below(root, &relative)
    }

    /// The folder of uploads under way.
    pub(crate) fn uploads(root: &Path) -> Path {
        below(root, "uploads")
    }
}

fn below(root: &Path, relative: &str) -> Path {
    let parts = root.parts().map(|part| part.as_ref().to_owned());
    parts
        .chain(relative.split('/').map(str::to_owned))
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

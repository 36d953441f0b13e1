//! What can go wrong with blobs.

use std::time::Duration;

use herdbook_core::{Code, Details, Digest, FieldViolation, ServiceError};
use herdbook_postgres::DatabaseError;

/// Why a blob was not kept or not given.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The address of the store is not one.
    #[error("the blob store {url:?} cannot be used: {reason}")]
    InvalidUrl {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not those that were announced.
    #[error("the bytes have the digest {found}, not {expected}; nothing was kept, send them again")]
    DigestMismatch {
        /// Announced.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// There are more or fewer bytes than were announced.
    #[error(
        "{found} bytes came where {expected} were announced; nothing was kept, send them again"
    )]
    SizeMismatch {
        /// Announced.
        expected: u64,
        /// Came.
        found: u64,
    },
    /// The blob is not in the store, though it should be.
    #[error("the content {0} is missing in the blob store; restore it from a backup")]
    Missing(Digest),
    /// What the store gives is not what was put.
    #[error("the content {0} was damaged in the blob store; restore it from a backup")]
    Damaged(Digest),
    /// The blob was collected before a reference to it was taken.
    #[error("the content {0} was removed since nothing named it; upload it again")]
    Gone(Digest),
    /// The same bytes are being collected.
    #[error("the content {0} is being removed at this moment; upload it again")]
    Collecting(Digest),
    /// The store gives no URLs that are good by themselves.
    #[error("the blob store of this server gives no presigned URLs; download through the server")]
    NotPresigned,
    /// The source of the bytes failed.
    #[error("the upload was cut short; nothing was kept, send it again")]
    Interrupted,
    /// The store failed.
    #[error("the blob store is not available at the moment; nothing was kept, try again")]
    Unavailable(#[source] object_store::Error),
    /// The folder of a local store failed.
    #[error("the folder of the blob store cannot be read")]
    Folder(#[source] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl ServiceError for BlobError {
    fn code(&self) -> Code {
        match self {
            Self::InvalidUrl { .. } | Self::Folder(_) => Code::Internal,
            Self::Missing(_) | Self::Damaged(_) => Code::DataLoss,
            Self::Gone(_) | Self::NotPresigned => Code::FailedPrecondition,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => Code::InvalidArgument,
            Self::Collecting(_) | Self::Interrupted | Self::Unavailable(_) => Code::Unavailable,
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "INVALID_BLOB_STORE",
            Self::DigestMismatch { .. } => "DIGEST_MISMATCH",
            Self::SizeMismatch { .. } => "SIZE_MISMATCH",
            Self::Missing(_) => "BLOB_MISSING",
            Self::Damaged(_) => "BLOB_DAMAGED",
            Self::Gone(_) => "BLOB_GONE",
            Self::NotPresigned => "NOT_PRESIGNED",
            Self::Collecting(_) => "BLOB_COLLECTING",
            Self::Interrupted => "UPLOAD_INTERRUPTED",
            Self::Unavailable(_) | Self::Folder(_) => "BLOB_STORE_UNAVAILABLE",
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::DigestMismatch { .. } => {
                Details::fields(vec![FieldViolation::new("header.digest", self.to_string())])
            }
            Self::SizeMismatch { .. } => {
                Details::fields(vec![FieldViolation::new("header.size", self.to_string())])
            }
            Self::Collecting(_) | Self::Interrupted | Self::Unavailable(_) => {
                Details::retry_after(Duration::from_secs(1))
            }
            Self::Gone(digest) => Details::resource("blob", digest.to_string()),
            Self::Database(error) => error.details(),
            Self::Missing(digest) | Self::Damaged(digest) => {
                Details::resource("blob", digest.to_string())
            }
            Self::InvalidUrl { .. } | Self::NotPresigned | Self::Folder(_) => Details::default(),
        }
    }
}

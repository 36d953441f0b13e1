//! Blobs on their way to a caller: which bytes, and in which pieces.

use std::ops::Range;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use herdbook_core::{Code, Details, FieldViolation, ServiceError, limits::FILE_CHUNK_BYTES};

use crate::BlobError;

/// A range that is not within the blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidRange {
    field: &'static str,
    reason: String,
}

impl ServiceError for InvalidRange {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        "INVALID_REQUEST"
    }

    fn details(&self) -> Details {
        Details::fields(vec![FieldViolation::new(self.field, self.reason.clone())])
    }
}

/// The bytes from `offset` on, at most `length` of them (all, if 0), of a blob of `size` bytes.
pub fn byte_range(offset: i64, length: i64, size: u64) -> Result<Range<u64>, InvalidRange> {
    let read = |field, number: i64| {
        let negative = |_| InvalidRange {
            field,
            reason: "must not be negative".to_owned(),
        };
        u64::try_from(number).map_err(negative)
    };
    let (start, length) = (read("offset", offset)?, read("length", length)?);
    if start > size {
        let reason = format!("is {start}, but the file has {size} bytes");
        return Err(InvalidRange {
            field: "offset",
            reason,
        });
    }
    let end = if length == 0 {
        size
    } else {
        start.saturating_add(length).min(size)
    };
    Ok(start..end)
}

/// `bytes` in pieces of at most the size that one message carries.
pub fn chunks<S>(bytes: S) -> impl Stream<Item = Result<Bytes, BlobError>>
where
    S: Stream<Item = Result<Bytes, BlobError>>,
{
    bytes.flat_map(|piece| {
        let pieces: Vec<_> = match piece {
            Ok(piece) => split(piece).map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        futures::stream::iter(pieces)
    })
}

fn split(mut piece: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = piece.split_to(piece.len().min(FILE_CHUNK_BYTES));
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::byte_range;

    #[test]
    fn a_range_stays_within_the_blob() {
        assert_eq!(byte_range(0, 0, 10), Ok(0..10));
        assert_eq!(byte_range(4, 3, 10), Ok(4..7));
        assert_eq!(byte_range(4, i64::MAX, 10), Ok(4..10));
        assert_eq!(byte_range(10, 0, 10), Ok(10..10));
        assert!(byte_range(11, 0, 10).is_err());
        assert!(byte_range(-1, 0, 10).is_err());
        assert!(byte_range(0, -1, 10).is_err());
    }
}

//! How points are written to disk.
//!
//! Columns are written as `column` says, numbers of things and checksums as `framing` does.

pub(crate) mod block;
pub(crate) mod buckets;
mod column;
pub(crate) mod series;

use crate::{
    TrackingError,
    framing::{self, put_varint, seal},
};

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// What stands before a checksum that is right.
fn unseal(bytes: &[u8]) -> Result<&[u8], TrackingError> {
    framing::unseal(bytes).ok_or(TrackingError::DamagedPoints)
}

/// The rest of what is read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], TrackingError> {
        framing::take(&mut self.0, count).ok_or(TrackingError::DamagedPoints)
    }

    fn byte(&mut self) -> Result<u8, TrackingError> {
        Ok(self.bytes(1)?[0])
    }

    fn varint(&mut self) -> Result<usize, TrackingError> {
        framing::varint(&mut self.0).ok_or(TrackingError::DamagedPoints)
    }

    fn text(&mut self) -> Result<String, TrackingError> {
        let count = self.varint()?;
        let bytes = self.bytes(count)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| TrackingError::DamagedPoints)
    }
}

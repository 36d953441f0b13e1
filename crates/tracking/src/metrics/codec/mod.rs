//! How points are written to disk.
//!
//! What the formats share: numbers of things are LEB128 varints; columns are written as `column` says;
//! what is written from version 2 on ends with a CRC-32 (IEEE, little-endian) of all before it.

pub(crate) mod block;
pub(crate) mod buckets;
mod column;
pub(crate) mod series;

use crate::TrackingError;

fn put_varint(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Ends what was written with its checksum.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// What stands before a checksum that is right.
fn unseal(bytes: &[u8]) -> Result<&[u8], TrackingError> {
    match bytes.split_last_chunk::<4>() {
        Some((content, sum)) if crc32fast::hash(content) == u32::from_le_bytes(*sum) => Ok(content),
        _ => Err(TrackingError::DamagedPoints),
    }
}

/// The rest of what is read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], TrackingError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(TrackingError::DamagedPoints)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, TrackingError> {
        Ok(self.bytes(1)?[0])
    }

    fn varint(&mut self) -> Result<usize, TrackingError> {
        let mut number = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(TrackingError::DamagedPoints)
    }

    fn text(&mut self) -> Result<String, TrackingError> {
        let count = self.varint()?;
        let bytes = self.bytes(count)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| TrackingError::DamagedPoints)
    }
}

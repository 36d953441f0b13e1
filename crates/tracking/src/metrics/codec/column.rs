//! Columns of numbers.
//!
//! ```text
//! column = encoding (1 byte), bytes (varint), content
//! ```
//!
//! A column of under 32 numbers is plain (0: little-endian, 8 bytes each), for the header of a compressed
//! one would outweigh them; of integers, the differences are written instead (2: zigzag varints, from 0
//! on, wrapping). Others are compressed with pco (1: the standalone format of the pco crate, version 1).
//! Floats keep every bit, those of a NaN too.

use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress},
};

use super::Reader;
use crate::{
    TrackingError,
    framing::{put_long_varint, put_varint},
};

const PLAIN: u8 = 0;
const PCO: u8 = 1;
const DELTAS: u8 = 2;
/// Below this many numbers a column is not compressed.
const COMPRESSED_FROM: usize = 32;

/// How much time compression may take, as pco counts it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    /// While somebody waits: higher levels cost twice the time for a percent.
    Quick = 4,
    /// In the background.
    Thorough = 8,
}

pub(super) fn put_floats(bytes: &mut Vec<u8>, column: &[f64], effort: Effort) {
    if !put_compressed(bytes, column, effort) {
        put_plain(bytes, column.iter().map(|value| value.to_le_bytes()));
    }
}

pub(super) fn put_integers(bytes: &mut Vec<u8>, column: &[i64], effort: Effort) {
    if put_compressed(bytes, column, effort) {
        return;
    }
    let mut deltas = Vec::with_capacity(column.len() * 2);
    let mut last = 0_i64;
    for number in column {
        let delta = number.wrapping_sub(last);
        last = *number;
        put_long_varint(&mut deltas, ((delta << 1) ^ (delta >> 63)) as u64);
    }
    bytes.push(DELTAS);
    put_varint(bytes, deltas.len());
    bytes.extend_from_slice(&deltas);
}

fn put_plain(bytes: &mut Vec<u8>, column: impl ExactSizeIterator<Item = [u8; 8]>) {
    bytes.push(PLAIN);
    put_varint(bytes, column.len() * 8);
    bytes.extend(column.flatten());
}

fn put_compressed<T: Number>(bytes: &mut Vec<u8>, column: &[T], effort: Effort) -> bool {
    if column.len() < COMPRESSED_FROM {
        return false;
    }
    let config = ChunkConfig::default().with_compression_level(effort as usize);
    // What pco does not take, it does not take for its size or settings, neither of which vary here;
    // the other encodings are right in any case.
    let Ok(content) = simple_compress(column, &config) else {
        return false;
    };
    bytes.push(PCO);
    put_varint(bytes, content.len());
    bytes.extend_from_slice(&content);
    true
}

impl Reader<'_> {
    pub(super) fn floats(&mut self) -> Result<Vec<f64>, TrackingError> {
        let (encoding, content) = self.column()?;
        match encoding {
            PLAIN => Ok(plain(content, f64::from_le_bytes)),
            PCO => simple_decompress(content).map_err(|_| TrackingError::DamagedPoints),
            _ => Err(TrackingError::DamagedPoints),
        }
    }

    pub(super) fn integers(&mut self) -> Result<Vec<i64>, TrackingError> {
        let (encoding, content) = self.column()?;
        match encoding {
            PLAIN => Ok(plain(content, i64::from_le_bytes)),
            PCO => simple_decompress(content).map_err(|_| TrackingError::DamagedPoints),
            DELTAS => from_deltas(content),
            _ => Err(TrackingError::DamagedPoints),
        }
    }

    fn column(&mut self) -> Result<(u8, &[u8]), TrackingError> {
        let encoding = self.byte()?;
        let count = self.varint()?;
        Ok((encoding, self.bytes(count)?))
    }
}

fn plain<T>(content: &[u8], number: impl Fn([u8; 8]) -> T) -> Vec<T> {
    let numbers = content.as_chunks::<8>().0;
    numbers.iter().map(|bytes| number(*bytes)).collect()
}

fn from_deltas(content: &[u8]) -> Result<Vec<i64>, TrackingError> {
    let (mut numbers, mut last) = (Vec::new(), 0_i64);
    let (mut delta, mut shift) = (0_u64, 0);
    for byte in content {
        if shift > 63 {
            return Err(TrackingError::DamagedPoints);
        }
        delta |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            last = last.wrapping_add((delta >> 1) as i64 ^ -((delta & 1) as i64));
            numbers.push(last);
            (delta, shift) = (0, 0);
        }
    }
    Ok(numbers)
}

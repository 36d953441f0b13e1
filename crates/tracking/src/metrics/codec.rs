//! How a batch of points is written into a block.
//!
//! ```text
//! block  = version (1 byte: 1), tables (varint), table * tables
//! table  = keys (varint), rows (varint), key * keys, column(steps), column(times), column(values)
//! key    = bytes (varint), UTF-8
//! column = encoding (1 byte), bytes (varint), content
//! ```
//!
//! Varints are LEB128. A column of under 32 numbers is plain (0: little-endian, 8 bytes each), for the
//! header of a compressed one would outweigh them; others are compressed with pco (1: the standalone
//! format of the pco crate, version 1). Values stand in one column, key after key. Floats keep every
//! bit, those of a NaN too.

use pco::{
    ChunkConfig,
    data_types::Number,
    standalone::{simple_compress, simple_decompress},
};

use super::{PointTable, Points};
use crate::TrackingError;

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const PCO: u8 = 1;
/// Below this many numbers a column is plain.
const COMPRESSED_FROM: usize = 32;
/// Compression levels above 4 cost twice the time for a percent.
const LEVEL: usize = 4;

/// Writes `points`.
pub(crate) fn encode(points: &Points) -> Vec<u8> {
    let mut block = Vec::with_capacity(64 + points.count() * 4);
    block.push(VERSION);
    put_varint(&mut block, points.0.len());
    for table in &points.0 {
        put_varint(&mut block, table.keys.len());
        put_varint(&mut block, table.steps.len());
        for key in &table.keys {
            put_varint(&mut block, key.len());
            block.extend_from_slice(key.as_bytes());
        }
        put_column(&mut block, &table.steps, |step| step.to_le_bytes());
        put_column(&mut block, &table.times_us, |time| time.to_le_bytes());
        put_column(&mut block, &table.values, |value| value.to_le_bytes());
    }
    block
}

/// Reads a block.
pub(crate) fn decode(block: &[u8]) -> Result<Points, TrackingError> {
    let mut reader = Reader(block);
    if reader.byte()? != VERSION {
        return Err(TrackingError::DamagedBlock);
    }
    let tables = (0..reader.varint()?).map(|_| read_table(&mut reader));
    tables.collect::<Result<_, _>>().map(Points)
}

fn read_table(reader: &mut Reader<'_>) -> Result<PointTable, TrackingError> {
    let (keys, rows) = (reader.varint()?, reader.varint()?);
    let keys = (0..keys)
        .map(|_| reader.key())
        .collect::<Result<Vec<_>, _>>()?;
    let steps = reader.column(i64::from_le_bytes)?;
    let times_us = reader.column(i64::from_le_bytes)?;
    let values = reader.column(f64::from_le_bytes)?;
    let fits = steps.len() == rows && times_us.len() == rows && values.len() == rows * keys.len();
    if fits {
        Ok(PointTable {
            keys,
            steps,
            times_us,
            values,
        })
    } else {
        Err(TrackingError::DamagedBlock)
    }
}

fn put_varint(block: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        block.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn put_column<T: Number>(block: &mut Vec<u8>, column: &[T], plain: impl Fn(&T) -> [u8; 8]) {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let compressed = if column.len() < COMPRESSED_FROM {
        None
    } else {
        // What pco does not take, it does not take for its size or settings, neither of which vary
        // here; plain is right in any case.
        simple_compress(column, &config).ok()
    };
    match compressed {
        Some(content) => {
            block.push(PCO);
            put_varint(block, content.len());
            block.extend_from_slice(&content);
        }
        None => {
            block.push(PLAIN);
            put_varint(block, column.len() * 8);
            block.extend(column.iter().flat_map(plain));
        }
    }
}

/// The rest of a block.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], TrackingError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(TrackingError::DamagedBlock)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, TrackingError> {
        Ok(self.bytes(1)?[0])
    }

    fn varint(&mut self) -> Result<usize, TrackingError> {
        let mut number = 0;
        for shift in (0..u32::from(u32::BITS as u8)).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(TrackingError::DamagedBlock)
    }

    fn key(&mut self) -> Result<String, TrackingError> {
        let count = self.varint()?;
        let bytes = self.bytes(count)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| TrackingError::DamagedBlock)
    }

    fn column<T: Number>(&mut self, plain: impl Fn([u8; 8]) -> T) -> Result<Vec<T>, TrackingError> {
        let encoding = self.byte()?;
        let count = self.varint()?;
        let content = self.bytes(count)?;
        match encoding {
            PLAIN => Ok(content
                .as_chunks::<8>()
                .0
                .iter()
                .map(|bytes| plain(*bytes))
                .collect()),
            PCO => simple_decompress(content).map_err(|_| TrackingError::DamagedBlock),
            _ => Err(TrackingError::DamagedBlock),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Points by their bits, for a NaN does not equal itself.
    fn bits(points: &Points) -> Vec<Vec<u64>> {
        let of = |t: &PointTable| t.values.iter().map(|value| value.to_bits()).collect();
        points.0.iter().map(of).collect()
    }

    fn places(points: &Points) -> Vec<(&[String], &[i64], &[i64])> {
        points
            .0
            .iter()
            .map(|t| (&*t.keys, &*t.steps, &*t.times_us))
            .collect()
    }

    fn table() -> impl Strategy<Value = PointTable> {
        let rows = prop_oneof![0_usize..4, 30_usize..40, 500_usize..600];
        (prop::collection::vec("[a-zé/ ]{1,12}", 1..5), rows).prop_flat_map(|(keys, rows)| {
            let count = keys.len() * rows;
            (
                Just(keys),
                prop::collection::vec(any::<i64>(), rows),
                prop::collection::vec(any::<i64>(), rows),
                prop::collection::vec(any::<u64>().prop_map(f64::from_bits), count),
            )
                .prop_map(|(keys, steps, times_us, values)| PointTable {
                    keys,
                    steps,
                    times_us,
                    values,
                })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_bit_comes_back(tables in prop::collection::vec(table(), 0..3)) {
            let points = Points(tables);
            let read = decode(&encode(&points)).unwrap();
            prop_assert_eq!(bits(&read), bits(&points));
            prop_assert_eq!(places(&read), places(&points));
        }

        #[test]
        fn a_damaged_block_is_refused_and_never_panics(
            tables in prop::collection::vec(table(), 1..2), cut in any::<prop::sample::Index>(),
        ) {
            let block = encode(&Points(tables));
            prop_assert!(decode(&block[..cut.index(block.len())]).is_err());
        }
    }

    #[test]
    fn a_regular_series_of_noisy_losses_takes_few_bytes_a_point() {
        // A float32 loss with noise, a step and some jittered milliseconds a point.
        let noise =
            |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24);
        let rows = 1_000;
        let table = PointTable {
            keys: vec!["loss".to_owned()],
            steps: (0..rows).collect(),
            times_us: (0..rows)
                .map(|n| n * 20_000 + (noise(n as u64) * 3.0) as i64 * 1_000)
                .collect(),
            values: (0..rows)
                .map(|n| f64::from((1.0 / (n + 1) as f64 + noise(n as u64) * 0.05) as f32))
                .collect(),
        };
        let bytes = encode(&Points(vec![table])).len();
        assert!(bytes < 4_500, "{bytes} bytes for {rows} points");
    }
}

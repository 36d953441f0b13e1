//! How a batch of points is written into a block.
//!
//! ```text
//! block  = version (1 byte: 2), tables (varint), table * tables, checksum (4 bytes)
//! table  = keys (varint), rows (varint), key * keys, column(steps), column(times), column(values)
//! key    = bytes (varint), UTF-8
//! ```
//!
//! Values stand in one column, key after key. Version 1 had no checksum.

use super::{
    Reader,
    column::{Effort, put_floats, put_integers},
    put_text, put_varint, seal, unseal,
};
use crate::{
    TrackingError,
    metrics::{PointTable, Points},
};

const VERSION: u8 = 2;

/// Writes `points`.
pub(crate) fn encode(points: &Points) -> Vec<u8> {
    let mut block = Vec::with_capacity(64 + points.count() * 4);
    block.push(VERSION);
    put_varint(&mut block, points.0.len());
    for table in &points.0 {
        put_varint(&mut block, table.keys.len());
        put_varint(&mut block, table.steps.len());
        for key in &table.keys {
            put_text(&mut block, key);
        }
        put_integers(&mut block, &table.steps, Effort::Quick);
        put_integers(&mut block, &table.times_us, Effort::Quick);
        put_floats(&mut block, &table.values, Effort::Quick);
    }
    seal(block)
}

/// Reads a block.
pub(crate) fn decode(block: &[u8]) -> Result<Points, TrackingError> {
    let content = match block.first() {
        Some(1) => block,
        Some(&VERSION) => unseal(block)?,
        _ => return Err(TrackingError::DamagedPoints),
    };
    let mut reader = Reader(content);
    reader.byte()?;
    let tables = (0..reader.varint()?).map(|_| read_table(&mut reader));
    tables.collect::<Result<_, _>>().map(Points)
}

fn read_table(reader: &mut Reader<'_>) -> Result<PointTable, TrackingError> {
    let (keys, rows) = (reader.varint()?, reader.varint()?);
    let keys = (0..keys)
        .map(|_| reader.text())
        .collect::<Result<Vec<_>, _>>()?;
    let steps = reader.integers()?;
    let times_us = reader.integers()?;
    let values = reader.floats()?;
    let fits = steps.len() == rows
        && times_us.len() == rows
        && rows.checked_mul(keys.len()) == Some(values.len());
    if fits {
        Ok(PointTable {
            keys,
            steps,
            times_us,
            values,
        })
    } else {
        Err(TrackingError::DamagedPoints)
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

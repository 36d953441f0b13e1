//! How series are written into chunks and tails.
//!
//! ```text
//! series = version (1 byte: 1), entries (varint), entry * entries, checksum (4 bytes)
//! entry  = bytes (varint), UTF-8 of the key; shared (1 byte); [column(steps), column(times)];
//!          column(values); column(numbers of blocks), column(points of each)
//! ```
//!
//! An entry that is shared (1) has the steps, times and blocks of the one before it, as metrics have that
//! were logged together, and only its values are written. A chunk has one entry, whose key is empty: it
//! stands in the row.

use super::{
    Reader,
    column::{Effort, put_floats, put_integers},
    put_text, put_varint, seal, unseal,
};
use crate::{
    TrackingError,
    metrics::{Series, SeriesByKey},
};

const VERSION: u8 = 1;

/// Writes the series of a run, with their keys.
pub(crate) fn encode_tail(series: &SeriesByKey) -> Vec<u8> {
    let entries: Vec<_> = series.iter().map(|(key, s)| (key.as_str(), s)).collect();
    encode(&entries)
}

/// Reads the series of a run.
pub(crate) fn decode_tail(bytes: &[u8]) -> Result<SeriesByKey, TrackingError> {
    Ok(decode(bytes)?.into_iter().collect())
}

/// Writes one series.
pub(crate) fn encode_chunk(series: &Series) -> Vec<u8> {
    encode(&[("", series)])
}

/// Reads one series.
pub(crate) fn decode_chunk(bytes: &[u8]) -> Result<Series, TrackingError> {
    let entry = decode(bytes)?.pop().ok_or(TrackingError::DamagedPoints)?;
    Ok(entry.1)
}

fn encode(entries: &[(&str, &Series)]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_varint(&mut bytes, entries.len());
    let mut before: Option<&Series> = None;
    for (key, series) in entries {
        let shared = before.is_some_and(|before| {
            before.steps == series.steps
                && before.times_us == series.times_us
                && before.blocks == series.blocks
        });
        put_text(&mut bytes, key);
        bytes.push(shared.into());
        if !shared {
            put_integers(&mut bytes, &series.steps, Effort::Thorough);
            put_integers(&mut bytes, &series.times_us, Effort::Thorough);
            let (blocks, counts): (Vec<_>, Vec<_>) = series
                .blocks
                .iter()
                .map(|(block, count)| (*block, i64::try_from(*count).unwrap_or(i64::MAX)))
                .unzip();
            put_integers(&mut bytes, &blocks, Effort::Quick);
            put_integers(&mut bytes, &counts, Effort::Quick);
        }
        put_floats(&mut bytes, &series.values, Effort::Thorough);
        before = Some(series);
    }
    seal(bytes)
}

fn decode(bytes: &[u8]) -> Result<Vec<(String, Series)>, TrackingError> {
    let mut reader = Reader(unseal(bytes)?);
    if reader.byte()? != VERSION {
        return Err(TrackingError::DamagedPoints);
    }
    let count = reader.varint()?;
    let mut entries: Vec<(String, Series)> = Vec::new();
    for _ in 0..count {
        let key = reader.text()?;
        let series = match (reader.byte()?, entries.last()) {
            (1, Some((_, before))) => Series {
                steps: before.steps.clone(),
                times_us: before.times_us.clone(),
                blocks: before.blocks.clone(),
                values: reader.floats()?,
            },
            (0, _) => read_series(&mut reader)?,
            _ => return Err(TrackingError::DamagedPoints),
        };
        let points: usize = series.blocks.iter().map(|(_, count)| count).sum();
        let columns = [series.steps.len(), series.times_us.len(), points];
        if columns.iter().any(|length| *length != series.values.len()) {
            return Err(TrackingError::DamagedPoints);
        }
        entries.push((key, series));
    }
    Ok(entries)
}

fn read_series(reader: &mut Reader<'_>) -> Result<Series, TrackingError> {
    let steps = reader.integers()?;
    let times_us = reader.integers()?;
    let numbers = reader.integers()?;
    let counts = reader.integers()?;
    let blocks = numbers.into_iter().zip(counts).map(|(block, count)| {
        let count = usize::try_from(count).map_err(|_| TrackingError::DamagedPoints)?;
        Ok((block, count))
    });
    Ok(Series {
        steps,
        times_us,
        blocks: blocks.collect::<Result<_, TrackingError>>()?,
        values: reader.floats()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series() -> impl Strategy<Value = Series> {
        let point = (any::<i64>(), any::<i64>(), any::<u64>());
        let block = prop_oneof![
            prop::collection::vec(point, 1..4),
            prop::collection::vec(point, 30..40)
        ];
        prop::collection::vec((1_i64..5, block), 1..6).prop_map(|blocks| {
            let mut series = Series::default();
            let mut number = 0;
            for (gap, points) in blocks {
                number += gap;
                for (step, time, bits) in points {
                    series.push(number, &[step], &[time], &[f64::from_bits(bits)]);
                }
            }
            series
        })
    }

    fn bits(series: &Series) -> (Series, Vec<u64>) {
        let values = series.values.iter().map(|value| value.to_bits()).collect();
        let rest = Series {
            values: Vec::new(),
            ..series.clone()
        };
        (rest, values)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_bit_comes_back(series in series(), other in series(), apart in any::<bool>()) {
            let mut tail = SeriesByKey::new();
            let values = series.values.iter().map(|value| -value).collect();
            tail.insert("loss".to_owned(), series.clone());
            tail.insert("shared".to_owned(), Series { values, ..series.clone() });
            if apart {
                tail.insert("other".to_owned(), other);
            }
            let read = decode_tail(&encode_tail(&tail)).unwrap();
            prop_assert!(read.iter().zip(&tail).all(|(a, b)| a.0 == b.0 && bits(a.1) == bits(b.1)));
            prop_assert_eq!(read.len(), tail.len());
            let chunk = decode_chunk(&encode_chunk(&series)).unwrap();
            prop_assert_eq!(bits(&chunk), bits(&series));
        }

        #[test]
        fn damage_is_noticed(series in series(), place in any::<prop::sample::Index>(), bit in 0_u32..8) {
            let mut bytes = encode_chunk(&series);
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
            prop_assert!(decode_chunk(&bytes).is_err());
            prop_assert!(decode_chunk(&bytes[..place]).is_err());
        }

        #[test]
        fn parts_make_the_whole(series in series(), limit in 1_usize..20) {
            let parts = series.clone().parts(limit);
            let fits = |part: &Series| part.len() <= limit || part.blocks.len() == 1;
            prop_assert!(parts.iter().all(|part| fits(part) && part.len() > 0));
            let mut whole = Series::default();
            parts.iter().for_each(|part| whole.append(part));
            prop_assert_eq!(bits(&whole), bits(&series));
        }

        #[test]
        fn a_range_of_blocks_has_their_points(series in series(), after in -1_i64..12, to in -1_i64..12) {
            let blocks = |pick: &dyn Fn(i64) -> bool| -> usize {
                series.blocks.iter().filter(|(block, _)| pick(*block)).map(|(_, count)| count).sum()
            };
            let range = series.of_blocks(after, to);
            prop_assert_eq!(range.start, blocks(&|block| block <= after));
            prop_assert_eq!(range.len(), blocks(&|block| block > after && block <= to));
        }
    }
}

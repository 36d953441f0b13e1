//! How the buckets of a chunk are written.
//!
//! ```text
//! buckets = version (1 byte: 1), axis by step, axis by time, checksum (4 bytes)
//! axis    = bytes (varint); shift (1 byte), column(first x), column(last x), column(count),
//!           column(nonfinite), column(first), column(min), column(max), column(last), column(sum)
//! ```

use super::{
    Reader,
    column::{Effort, put_floats, put_integers},
    put_varint, seal, unseal,
};
use crate::{TrackingError, metrics::envelope::Bucket};

const VERSION: u8 = 1;

/// What is along x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Step,
    Time,
}

/// Buckets and the power of two that is their width.
pub(crate) type Buckets = (u8, Vec<Bucket>);

/// Writes the buckets of both axes.
pub(crate) fn encode(by_step: &Buckets, by_time: &Buckets) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for axis in [by_step, by_time] {
        let content = encode_axis(axis);
        put_varint(&mut bytes, content.len());
        bytes.extend_from_slice(&content);
    }
    seal(bytes)
}

/// Reads the buckets of one axis.
pub(crate) fn decode(bytes: &[u8], axis: Axis) -> Result<Buckets, TrackingError> {
    let mut reader = Reader(unseal(bytes)?);
    if reader.byte()? != VERSION {
        return Err(TrackingError::DamagedPoints);
    }
    let count = reader.varint()?;
    let by_step = reader.bytes(count)?;
    if axis == Axis::Step {
        return decode_axis(by_step);
    }
    let count = reader.varint()?;
    decode_axis(reader.bytes(count)?)
}

fn encode_axis((shift, buckets): &Buckets) -> Vec<u8> {
    let mut bytes = vec![*shift];
    let mut integers = |of: fn(&Bucket) -> i64| {
        let column: Vec<i64> = buckets.iter().map(of).collect();
        put_integers(&mut bytes, &column, Effort::Quick);
    };
    integers(|bucket| bucket.first_x);
    integers(|bucket| bucket.last_x);
    integers(|bucket| bucket.count.cast_signed());
    integers(|bucket| bucket.nonfinite.cast_signed());
    let mut floats = |of: fn(&Bucket) -> f64| {
        let column: Vec<f64> = buckets.iter().map(of).collect();
        put_floats(&mut bytes, &column, Effort::Quick);
    };
    floats(|bucket| bucket.first);
    floats(|bucket| bucket.min);
    floats(|bucket| bucket.max);
    floats(|bucket| bucket.last);
    floats(|bucket| bucket.sum);
    bytes
}

fn decode_axis(bytes: &[u8]) -> Result<Buckets, TrackingError> {
    let mut reader = Reader(bytes);
    let shift = reader.byte()?;
    let [first_x, last_x, counts, nonfinite] = [(); 4].map(|()| reader.integers());
    let (first_x, last_x, counts, nonfinite) = (first_x?, last_x?, counts?, nonfinite?);
    let [first, min, max, last, sum] = [(); 5].map(|()| reader.floats());
    let (first, min, max, last, sum) = (first?, min?, max?, last?, sum?);
    let lengths = [last_x.len(), counts.len(), nonfinite.len(), first.len()];
    let more = [min.len(), max.len(), last.len(), sum.len()];
    if lengths
        .iter()
        .chain(&more)
        .any(|length| *length != first_x.len())
    {
        return Err(TrackingError::DamagedPoints);
    }
    let bucket = |n: usize| Bucket {
        first_x: first_x[n],
        last_x: last_x[n],
        first: first[n],
        min: min[n],
        max: max[n],
        last: last[n],
        sum: sum[n],
        count: counts[n].cast_unsigned(),
        nonfinite: nonfinite[n].cast_unsigned(),
    };
    Ok((shift, (0..first_x.len()).map(bucket).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::envelope::summarise;

    #[test]
    fn buckets_come_back_for_either_axis() {
        for count in [1, 20, 5_000] {
            let steps: Vec<i64> = (0..count).collect();
            let times: Vec<i64> = (0..count)
                .map(|n| 1_700_000_000_000_000 + n * 977)
                .collect();
            let value = |n: i64| if n == 3 { f64::NAN } else { (n as f64).sin() };
            let values: Vec<f64> = (0..count).map(value).collect();
            let by_step = summarise(&steps, &values, 256);
            let by_time = summarise(&times, &values, 256);
            let bytes = encode(&by_step, &by_time);
            let shown = |buckets: &Buckets| format!("{buckets:?}");
            assert_eq!(shown(&decode(&bytes, Axis::Step).unwrap()), shown(&by_step));
            assert_eq!(shown(&decode(&bytes, Axis::Time).unwrap()), shown(&by_time));
            assert!(decode(&bytes[..bytes.len() - 1], Axis::Time).is_err());
        }
    }
}

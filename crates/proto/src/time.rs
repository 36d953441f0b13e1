//! Times on the wire and in the domain.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// A domain time as the wire has it.
#[must_use]
pub fn to_timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        // At most 1,999,999,999 (a leap second), so it fits.
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(i32::MAX),
    }
}

/// A time of the wire in the domain, to the microsecond, which is what Postgres keeps; `None` if it
/// lies outside the years that a `Timestamp` may have (1 to 9999).
#[must_use]
pub fn from_timestamp(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    const FIRST_SECOND: i64 = -62_135_596_800;
    const LAST_SECOND: i64 = 253_402_300_799;
    if !(FIRST_SECOND..=LAST_SECOND).contains(&timestamp.seconds) {
        return None;
    }
    let nanos = u32::try_from(timestamp.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    DateTime::from_timestamp(timestamp.seconds, nanos / 1_000 * 1_000)
}

//! Times of events, and the revisions that they give.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::event::EventType;

/// A time between the years 1 and 9999, with any offset; without one it is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventTime(pub(crate) DateTime<Utc>);

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).map(Self).ok_or_else(|| {
            let example = "2026-03-01T09:30:00.000Z";
            D::Error::custom(format!(
                "{text:?} is not a time by RFC 3339, such as {example}"
            ))
        })
    }
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok();
    let without = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    let time = DateTime::parse_from_rfc3339(text).ok();
    let time = time.or_else(with_offset).map(|time| time.to_utc());
    let time = time.or_else(|| without().map(|time| time.and_utc()))?;
    (MIN..=MAX).contains(&time.timestamp()).then_some(time)
}

/// First second of the year 1 and last one of the year 9999.
const MIN: i64 = -62_135_596_800;
const MAX: i64 = 253_402_300_799;
/// Below every revision that a producer counts: what an event says yields to what is recorded of
/// Herdbook's own runs and versions.
const HEARSAY: i64 = -(1 << 62);

/// The revision of what an event says: by its time in microseconds, and at the same time the end of a
/// run after its start.
pub(crate) fn revision(time: EventTime, event_type: Option<EventType>) -> i64 {
    let rank = match event_type {
        None => 0,
        Some(EventType::Start) => 1,
        Some(EventType::Running) => 2,
        Some(EventType::Other) => 3,
        Some(EventType::Complete | EventType::Fail | EventType::Abort) => 4,
    };
    HEARSAY + time.0.timestamp_micros() * 8 + rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_fraction_and_year_is_read() {
        for (text, seconds) in [
            ("1969-12-31T23:59:59Z", -1),
            ("0001-01-01T00:00:00Z", MIN),
            ("9999-12-31T23:59:59.999999999Z", MAX),
            ("2026-03-01T09:30:00.123456789+05:30", 1_772_337_600),
            ("2026-03-01T09:30:00-0800", 1_772_386_200),
            ("2026-03-01T04:00:00", 1_772_337_600),
        ] {
            assert_eq!(
                read(text).map(|time| time.timestamp()),
                Some(seconds),
                "{text}"
            );
        }
        for wrong in [
            "",
            "yesterday",
            "2026-03-01",
            "2026-13-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn revisions_are_ordered_by_time_and_below_all_that_is_counted() {
        let at = |text: &str| EventTime(read(text).unwrap());
        let first = revision(at("0001-01-01T00:00:00Z"), None);
        let before = revision(at("1969-12-31T23:59:59Z"), Some(EventType::Complete));
        let start = revision(at("1970-01-01T00:00:00Z"), Some(EventType::Start));
        let end = revision(at("1970-01-01T00:00:00Z"), Some(EventType::Fail));
        let last = revision(at("9999-12-31T23:59:59Z"), Some(EventType::Abort));
        assert!(first < before && before < start && start < end && end < last && last < 0);
    }
}

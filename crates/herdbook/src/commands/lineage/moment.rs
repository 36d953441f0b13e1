//! The time that a question is about.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Args;
use herdbook_proto::time::to_timestamp;
use prost_types::Timestamp;

#[derive(Debug, Args)]
pub(super) struct Moment {
    /// Answer as was known then: a time such as 2026-11-03T12:00:00Z, or a day (its end, UTC). A version by
    /// its stage, such as model@Production, is still the one that is there now.
    #[arg(long, value_name = "TIME", value_parser = read)]
    as_of: Option<DateTime<Utc>>,
    /// Only what held then, as its recorders said; written like --as-of.
    #[arg(long, value_name = "TIME", value_parser = read)]
    held_at: Option<DateTime<Utc>>,
}

impl Moment {
    pub(super) fn known_at(&self) -> Option<Timestamp> {
        self.as_of.map(to_timestamp)
    }

    pub(super) fn held_at(&self) -> Option<Timestamp> {
        self.held_at.map(to_timestamp)
    }
}

fn read(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = text.parse::<NaiveDate>().ok();
    let end = day.and_then(|day| day.succ_opt());
    end.map(|end| end.and_time(NaiveTime::MIN).and_utc() - chrono::Duration::microseconds(1))
        .ok_or_else(|| {
            "give a time such as 2026-11-03T12:00:00Z, or a day such as 2026-11-03".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_day_is_meant_to_its_end() {
        let read = |text| read(text).map(|time| time.to_rfc3339());
        assert_eq!(
            read("2026-11-03T12:00:00+01:00").unwrap(),
            "2026-11-03T11:00:00+00:00"
        );
        assert_eq!(
            read("2026-11-03").unwrap(),
            "2026-11-03T23:59:59.999999+00:00"
        );
        assert!(read("yesterday").unwrap_err().contains("2026-11-03"));
    }
}

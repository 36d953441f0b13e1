//! Windows in which nothing moves.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{Cron, parser::CronParser};

/// A schedule or a time zone that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// No cron expression.
    #[error("{0}; five fields are needed, such as `0 18 * * FRI`")]
    Cron(String),
    /// A cron expression of no time.
    #[error("never comes; correct the day or the month")]
    Never,
    /// No zone.
    #[error("{0:?} is no time zone of the IANA database, such as Europe/Berlin")]
    Zone(String),
}

/// Reads a cron expression, and makes sure that it comes at some time.
pub(crate) fn schedule(cron: &str) -> Result<Cron, Unreadable> {
    if cron.split_whitespace().count() != 5 {
        let what = format!(
            "{:?} is no cron expression",
            cron.chars().take(100).collect::<String>()
        );
        return Err(Unreadable::Cron(what));
    }
    let schedule = CronParser::new()
        .parse(cron)
        .map_err(|error| Unreadable::Cron(error.to_string()))?;
    match schedule.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, true) {
        Ok(_) => Ok(schedule),
        Err(_) => Err(Unreadable::Never),
    }
}

/// Reads the name of a zone; UTC if it is empty.
pub(crate) fn zone(name: &str) -> Result<Tz, Unreadable> {
    match name {
        "" => Ok(Tz::UTC),
        name => name
            .parse()
            .map_err(|_| Unreadable::Zone(name.chars().take(100).collect())),
    }
}

/// A window that is open.
pub(super) struct Window {
    pub(super) opened: DateTime<Tz>,
    pub(super) closes: DateTime<Tz>,
}

/// The window that is open at `now`, if there is one.
pub(super) fn open_window(
    cron: &str,
    seconds: u32,
    zone_name: &str,
    now: DateTime<Utc>,
) -> Result<Option<Window>, Unreadable> {
    let now = now.with_timezone(&zone(zone_name)?);
    // Windows are equally long, so that the one that opened last is the one that closes last.
    let Ok(opened) = schedule(cron)?.find_previous_occurrence(&now, true) else {
        return Ok(None);
    };
    let closes = opened + TimeDelta::seconds(seconds.into());
    Ok((now < closes).then_some(Window { opened, closes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(cron: &str, hours: u32, zone: &str, now: &str) -> bool {
        open_window(cron, hours * 3_600, zone, now.parse().unwrap())
            .unwrap()
            .is_some()
    }

    #[test]
    fn a_window_opens_by_the_hours_of_its_zone() {
        let weekend = |now| frozen("0 18 * * FRI", 60, "Europe/Berlin", now);
        // In March Berlin is an hour ahead of UTC, in July two.
        assert!(!weekend("2026-03-06T16:59:59Z"));
        assert!(weekend("2026-03-06T17:00:00Z"));
        assert!(weekend("2026-07-03T16:00:00Z"));
        assert!(weekend("2026-03-09T04:59:59Z"));
        assert!(!weekend("2026-03-09T05:00:00Z"));
    }

    #[test]
    fn windows_may_overlap() {
        assert!(frozen("0 * * * *", 2, "", "2026-03-06T16:59:59Z"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for cron in [
            "",
            "* * * *",
            "* * * * * *",
            "61 * * * *",
            "0 0 30 2 *",
            "@daily",
        ] {
            assert!(schedule(cron).is_err(), "{cron}");
        }
        assert!(zone("Europe/Berlni").is_err());
    }
}

//! Times and durations, as people write them. All times are UTC.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// This moment in Unix seconds. A clock before 1970 is treated as standing there.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// `2026-11-24`.
pub(crate) fn date(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-24 13:18 UTC`.
pub(crate) fn time(seconds: u64) -> String {
    let (hours, minutes) = (seconds % DAY / 3600, seconds % 3600 / 60);
    format!("{} {hours:02}:{minutes:02} UTC", date(seconds))
}

/// `1 h 2 min`, `1 min 30 s`, `5 s`: the two largest units.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [("d", DAY), ("h", 3600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, length) in units {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{} {name}", left / length));
            left %= length;
        } else if !parts.is_empty() {
            break;
        }
    }
    match parts.is_empty() {
        true => "0 s".to_owned(),
        false => parts.join(" "),
    }
}

/// The first second after a day (`YYYY-MM-DD`), or a time in Unix seconds.
pub(crate) fn end_of(text: &str) -> Result<u64, String> {
    if text.len() > 4
        && let Ok(seconds) = text.parse()
    {
        return Ok(seconds);
    }
    let refuse = || format!("{text:?} is no date such as 2027-12-31");
    let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
    let mut next = || parts.next().and_then(Result::ok).ok_or_else(refuse);
    let (year, month, day) = (next()?, next()?, next()?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return Err(refuse());
    }
    let days = days(year.into(), month.into(), day.into());
    match civil(days) == (year.into(), month.into(), day.into()) {
        true => Ok((days + 1) * DAY),
        false => Err(refuse()),
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, by counting from 1 March of year 0:
/// the leap day is then the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month < 3 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day.saturating_sub(1);
    let all = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    // 1970-01-01 is day 719468 of that count.
    all.saturating_sub(719_468)
}

/// The inverse of [`days`].
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + of_era_year + u64::from(month < 3);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01 00:00 UTC");
        assert_eq!(time(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(time(1_795_526_305), "2026-11-24 13:18 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01");
    }

    #[test]
    fn every_day_is_found_again() {
        for day in 0..60_000 {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
            assert_eq!(end_of(&date(day * DAY)), Ok((day + 1) * DAY));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "0000-01-01",
            "2026-1-0",
            "x",
            "-1",
        ] {
            assert!(end_of(text).is_err(), "{text}");
        }
        assert_eq!(end_of("1795526305"), Ok(1_795_526_305));
    }

    #[test]
    fn durations_have_two_units_at_most() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(60), "1 min");
        assert_eq!(duration(3599), "59 min 59 s");
        assert_eq!(duration(3605), "1 h");
        assert_eq!(duration(90_000), "1 d 1 h");
    }
}

//! Dates of the two formats that have them.

/// Reads `YYYY-MM-DDThh:mm:ss`, from 1970 on: the seconds since then as if it were UTC, and what
/// follows.
pub(super) fn local(text: &str) -> Option<(i64, &str)> {
    let (stamp, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators
        .iter()
        .any(|&(at, separator)| stamp.as_bytes()[at] != separator)
    {
        return None;
    }
    let part = |from: usize, len: usize, bounds: std::ops::RangeInclusive<i64>| {
        let value = number(stamp.get(from..from + len)?)?;
        bounds.contains(&value).then_some(value)
    };
    let (year, month, day) = (
        part(0, 4, 1970..=9999)?,
        part(5, 2, 1..=12)?,
        part(8, 2, 1..=31)?,
    );
    let (hour, minute, second) = (
        part(11, 2, 0..=23)?,
        part(14, 2, 0..=59)?,
        part(17, 2, 0..=60)?,
    );

    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    if day > months[before] {
        return None;
    }
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - 477;
    let days = (year - 1970) * 365 + leap_days + months[..before].iter().sum::<i64>() + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second, rest))
}

/// Reads an XML Schema `dateTime` as Unix seconds. Fractions are dropped; without a zone it is
/// UTC.
pub(super) fn date_time(text: &str) -> Option<u64> {
    let (seconds, rest) = local(text)?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
        None => rest,
    };
    let ahead = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => 0,
        Some((sign @ ("+" | "-"), clock)) => {
            let (hours, minutes) = clock.split_once(':')?;
            if (hours.len(), minutes.len()) != (2, 2) {
                return None;
            }
            let seconds = (number(hours)? * 60 + number(minutes)?) * 60;
            if sign == "+" { seconds } else { -seconds }
        }
        Some(_) => return None,
    };
    u64::try_from(seconds - ahead).ok()
}

fn number(digits: &str) -> Option<i64> {
    let only = digits.bytes().all(|byte| byte.is_ascii_digit());
    only.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted() {
        let dates = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00:00.25Z", 951_868_800),
            ("2037-12-31T00:00:00", 2_145_830_400),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2024-03-01T01:00:00+01:00", 1_709_251_200),
            ("2024-02-29T18:30:00-05:30", 1_709_251_200),
        ];
        for (text, seconds) in dates {
            assert_eq!(date_time(text), Some(seconds), "{text}");
        }
        assert_eq!(local("2024-03-01T00:00:00L"), Some((1_709_251_200, "L")));
    }

    #[test]
    fn no_other_text_is_a_date() {
        for text in [
            "",
            "2024-02-30T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00+é1:0",
            "+024-01-01T00:00:00Z",
            "1970-01-01T00:00:00+00:01",
            "é024-01-01T00:00:0",
            "2024-01-01T00:00:0é",
        ] {
            assert_eq!(date_time(text), None, "{text}");
        }
    }
}

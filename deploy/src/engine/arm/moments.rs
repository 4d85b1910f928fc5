//! Moments as Azure writes them.

/// Seconds since 1970 of `2026-11-25T14:03:07.1234567Z`, or of a header's `Wed, 25 Nov 2026 14:03:07 GMT`.
pub fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some((date, time)) = text.split_once('T').filter(|(date, _)| date.starts_with(|c: char| c.is_ascii_digit())) {
        let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        return Some(days(year, month, day)? * 86_400.0 + clock(time.trim_end_matches('Z').split(['+', '-']).next()?)?);
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = words.next()?.parse().ok()?;
    Some(days(year, i64::try_from(month).ok()? + 1, day)? * 86_400.0 + clock(words.next()?)?)
}

/// Seconds since 1970 by our own clock, where the cloud does not say.
pub fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|since| since.as_secs_f64()).unwrap_or_default()
}

fn clock(text: &str) -> Option<f64> {
    let mut parts = text.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3_600.0 + parts.next()?? * 60.0 + parts.next()??)
}

/// Days since 1970: Howard Hinnant's "days from civil".
fn days(year: i64, month: i64, day: i64) -> Option<f64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let count = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(count as f64)
}

/// Seconds of a span such as `PT1M7.5S`.
pub fn span(text: &str) -> Option<f64> {
    let (date, time) = text.strip_prefix('P')?.split_once('T')?;
    let mut whole = date.strip_suffix('D').map_or(Some(0.0), |days| days.parse().ok().map(|days: f64| days * 86_400.0))?;
    let mut rest = time;
    while let Some(at) = rest.find(['H', 'M', 'S']) {
        let value: f64 = rest.get(..at)?.parse().ok()?;
        whole += value
            * match rest.get(at..=at)? {
                "H" => 3_600.0,
                "M" => 60.0,
                _ => 1.0,
            };
        rest = rest.get(at + 1..)?;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::{seconds, span};

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2000-02-29T12:34:56.0000000Z"), Some(951_827_696.0));
        assert_eq!(seconds("Tue, 29 Feb 2000 12:34:56 GMT"), Some(951_827_696.0));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(span("PT1H2M3.5S"), Some(3_723.5));
        assert_eq!(span("P1DT1S"), Some(86_401.0));
        assert_eq!(span("soon"), None);
    }
}

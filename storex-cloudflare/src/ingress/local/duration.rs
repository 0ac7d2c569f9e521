//! Durations as Go writes them, in whole hours, minutes and seconds.

use std::time::Duration;

/// `30s`, `2m`, `1m30s`; none for anything else.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let (digits, unit) = rest.split_at_checked(rest.find(|symbol: char| !symbol.is_ascii_digit())?)?;
        let seconds = match unit.chars().next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(digits.parse::<u64>().ok()?.checked_mul(seconds)?))?;
        rest = unit.get(1..)?;
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds, which Go reads too.
pub(super) fn shown(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_units_are_read_and_nothing_else() {
        for (text, seconds) in [("30s", Some(30)), ("1m30s", Some(90)), ("1h", Some(3600)), ("0s", Some(0))] {
            assert_eq!(parse(text).map(|found| found.as_secs()), seconds, "{text}");
        }
        for text in ["", "30", "s", "1.5s", "30ms", "-1s", "30s ", "1d", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

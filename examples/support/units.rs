//! Durations and sizes as people write them on a command line: `500ms`, `1MiB`.
//!
//! A number without a unit is refused: a knob read in the wrong unit is a defect nobody sees.

use std::time::Duration;

/// The units a duration may have, with their length in nanoseconds.
const TIME_UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The units a size may have, with their length in bytes.
const SIZE_UNITS: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration such as `500ms`.
///
/// ```
/// use hyperia_examples::units::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
/// assert!(parse_duration("500").is_err());
/// ```
///
/// # Errors
///
/// Says what was wrong and what is allowed.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &TIME_UNITS, "500ms").map(Duration::from_nanos)
}

/// Reads a duration, or `none`.
///
/// # Errors
///
/// As [`parse_duration`].
pub fn parse_limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    match parse_duration(text) {
        Ok(limit) => Ok(Limit(Some(limit))),
        Err(error) => Err(format!("{error}, or \"none\"")),
    }
}

/// A duration that may be switched off: `none`.
///
/// A type of its own because a command-line parser reads a bare `Option` as "may be left out".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// Reads a size such as `1MiB`, in bytes.
///
/// ```
/// use hyperia_examples::units::parse_size;
///
/// assert_eq!(parse_size("1MiB"), Ok(1 << 20));
/// assert_eq!(
///     parse_size("1MB").unwrap_err(),
///     "unknown unit \"MB\": use B, KiB, MiB or GiB, as in 1MiB"
/// );
/// ```
///
/// # Errors
///
/// Says what was wrong and what is allowed.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse(text, &SIZE_UNITS, "1MiB")?;
    usize::try_from(bytes).map_err(|_| format!("{text} is more than this machine can address"))
}

fn parse(text: &str, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let names = list(units);
    if digits.is_empty() {
        return Err(format!(
            "not a whole number with a unit: use {names}, as in {example}"
        ));
    }
    if unit.is_empty() {
        return Err(format!("the unit is missing: use {names}, as in {example}"));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!(
            "unknown unit \"{unit}\": use {names}, as in {example}"
        ));
    };
    let scaled = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*scale));
    scaled.ok_or_else(|| format!("too large: at most {}{}", u64::MAX / scale, unit))
}

/// `a, b or c`.
fn list(units: &[(&str, u64)]) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Writes a duration with three digits and the unit that suits it.
///
/// ```
/// use hyperia_examples::units::show_duration;
/// use std::time::Duration;
///
/// assert_eq!(show_duration(Duration::from_nanos(12_345)), "12.3us");
/// assert_eq!(show_duration(Duration::from_millis(2_500)), "2.50s");
/// ```
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let (scale, unit) = match duration.as_nanos() {
        0..1_000 => return format!("{}ns", duration.as_nanos()),
        1_000..1_000_000 => (1e3, "us"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let value = nanos / scale;
    let decimals = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_known_unit_and_fit() {
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        for (bad, wrong) in [
            ("", "not a whole number"),
            ("ms", "not a whole number"),
            ("-5ms", "not a whole number"),
            ("1.5s", "unknown unit \".5s\""),
            ("500", "the unit is missing"),
            ("5 ms", "unknown unit \" ms\""),
            ("99999999999999999999ns", "too large"),
            ("18446744073709551615s", "too large: at most 18446744073s"),
        ] {
            let error = parse_duration(bad).unwrap_err();
            assert!(error.contains(wrong), "{bad}: {error}");
        }
    }

    #[test]
    fn limits_may_be_switched_off() {
        assert_eq!(parse_limit("none"), Ok(Limit(None)));
        assert_eq!(parse_limit("1s"), Ok(Limit(Some(Duration::from_secs(1)))));
        assert!(parse_limit("never").unwrap_err().ends_with("or \"none\""));
    }

    #[test]
    fn sizes_are_in_powers_of_1024() {
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert!(
            parse_size("64k")
                .unwrap_err()
                .contains("unknown unit \"k\"")
        );
        assert!(
            parse_size("99999999999999999GiB")
                .unwrap_err()
                .contains("too large")
        );
    }

    #[test]
    fn durations_are_shown_with_three_digits() {
        for (nanos, text) in [
            (999, "999ns"),
            (1_000, "1.00us"),
            (99_000, "99.0us"),
            (250_000_000, "250ms"),
        ] {
            assert_eq!(show_duration(Duration::from_nanos(nanos)), text);
        }
    }
}

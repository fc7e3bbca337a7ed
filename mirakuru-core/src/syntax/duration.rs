//! Durations, as `1m30s`: numbers with units, the larger units first.

use std::time::Duration;

const UNITS: &[(&str, u128)] = &[
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `5s`, `1.5s`, `500ms`, `1m30s`: the larger unit first, each unit once.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| format!("`{text}` is not a duration: {why}");
    let mut rest = text;
    let mut total = 0_u128;
    let mut larger = u128::MAX;
    while !rest.is_empty() {
        let (nanos, unit, left) = amount(rest).map_err(|why| wrong(&why))?;
        if unit >= larger {
            return Err(wrong("the larger unit comes first, and each once, as in `1m30s`"));
        }
        total = total.saturating_add(nanos);
        (larger, rest) = (unit, left);
    }
    match u64::try_from(total) {
        Ok(0) if text.is_empty() => Err(wrong("write a number and a unit, as in `5s`")),
        Ok(0) => Err(wrong("no time at all would always be over")),
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => Err(wrong("too long")),
    }
}

// Gives the nanoseconds of the first number and unit, those of the unit alone, and what is left.
fn amount(text: &str) -> Result<(u128, u128, &str), String> {
    let (number, rest) = text.split_at(end_of(text, |c| c.is_ascii_digit() || c == '.'));
    let (name, rest) = rest.split_at(end_of(rest, char::is_alphabetic));
    if number.is_empty() {
        return Err("a number is missing, as in `5s`".to_owned());
    }
    if name.is_empty() && rest.is_empty() {
        return Err(format!("a unit is missing, as in `{number}s` or `{number}ms`"));
    }
    if name.is_empty() {
        return Err(format!("a unit follows its number at once, as in `{number}s`"));
    }
    let Some((_, unit)) = UNITS.iter().find(|(known, _)| *known == name) else {
        return Err(format!("unknown unit `{name}`; known are `us`, `ms`, `s`, `m` and `h`"));
    };
    let nanos = scaled(number, *unit).ok_or_else(|| format!("`{number}` is not a number"))?;
    Ok((nanos, *unit, rest))
}

fn end_of(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // No unit is as long as 10^18 nanoseconds, so more digits say nothing.
    let n_digits = u32::try_from(fraction.len()).ok().filter(|n_digits| *n_digits <= 18)?;
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(unit)?;
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * unit / 10_u128.pow(n_digits);
    whole.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, nanos) in [
            ("5s", 5_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("1m30s", 90_000_000_000),
            ("100us", 100_000),
            ("1h0m0.25s", 3_600_250_000_000),
            ("0.5us", 500),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, why) in [
            ("", "a number and a unit"),
            ("5", "a unit is missing"),
            ("s", "a number is missing"),
            ("-5s", "a number is missing"),
            ("5 s", "at once, as in `5s`"),
            ("5x", "unknown unit `x`"),
            ("0s", "no time at all"),
            ("0m0s", "no time at all"),
            ("1s1m", "larger unit comes first"),
            ("1s1s", "each once"),
            ("1..5s", "`1..5` is not a number"),
            (".5s", "`.5` is not a number"),
            ("5.s", "`5.` is not a number"),
            ("99999999999999999999s", "is not a number"),
            ("9999999999999s", "too long"),
        ] {
            let fault = duration(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }
}

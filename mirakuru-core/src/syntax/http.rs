//! Parts of an HTTP request and response.

use std::ops::RangeInclusive;

use regex_lite::Regex;

/// The status codes that there are; RFC 9110, section 15.
const STATUS_CODES: RangeInclusive<u16> = 100..=599;

/// Fails if this is not a status code.
pub(crate) fn check_status(code: u16) -> Result<(), String> {
    if STATUS_CODES.contains(&code) {
        return Ok(());
    }
    Err(format!("{code} is not an HTTP status; they go from 100 to 599"))
}

/// Fails if this is not a range of status codes.
pub(crate) fn check_statuses(codes: &RangeInclusive<u16>) -> Result<(), String> {
    check_status(*codes.start())?;
    check_status(*codes.end())?;
    if codes.is_empty() {
        let (start, end) = (codes.start(), codes.end());
        return Err(format!("there is no HTTP status from {start} to {end}"));
    }
    Ok(())
}

/// Compiles a pattern for a whole status code.
pub(crate) fn status_pattern(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err("an empty status pattern matches no status".to_owned());
    }
    Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| format!("the status `{pattern}` is not a regular expression: {error}"))
}

/// Fails if this cannot be a method.
pub(crate) fn check_method(method: &str) -> Result<(), String> {
    if is_token(method) {
        return Ok(());
    }
    Err(format!("`{method}` is not an HTTP method; they are written as `GET` or `POST`"))
}

/// Fails if this cannot be the name of a header.
pub(crate) fn check_header_name(name: &str) -> Result<(), String> {
    if is_token(name) {
        return Ok(());
    }
    Err(format!("`{name}` is not the name of a header; it is one word, without the colon"))
}

/// Fails if this cannot be the value of a header.
pub(crate) fn check_header_value(value: &str) -> Result<(), String> {
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err("the value of a header is one line".to_owned());
    }
    Ok(())
}

/// Returns true for a `token` of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_go_from_100_to_599() {
        for code in [100, 200, 599] {
            assert_eq!(check_status(code), Ok(()), "{code}");
        }
        for code in [0, 99, 600, 999] {
            assert!(check_status(code).is_err(), "{code}");
        }
        assert_eq!(check_statuses(&(200..=299)), Ok(()));
        for (start, end) in [(300, 200), (200, 600), (99, 200)] {
            let codes = start..=end;
            assert!(check_statuses(&codes).is_err(), "{codes:?}");
        }
    }

    #[test]
    fn a_status_pattern_matches_the_whole_code() {
        let pattern = status_pattern("2.|404").unwrap();
        assert!(pattern.is_match("404") && !pattern.is_match("200"));
        assert!(status_pattern("(").is_err() && status_pattern("").is_err());
    }

    #[test]
    fn a_method_and_a_header_are_one_word() {
        assert_eq!(check_method("M-SEARCH"), Ok(()));
        assert!(check_method("GET /").is_err());
        assert!(check_header_name("Accept:").is_err());
        assert!(check_header_value("a\r\nb").is_err());
    }
}

//! Names that are nearly right.
//!
//! Pure text, shared with the macros crate, which has keys and signals for names.

/// The known name that is the fewest typing errors away, unless that is too far to be a typing
/// error.
pub(crate) fn name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let by_distance = known.filter_map(|known| Some((distance(name, known)?, known)));
    by_distance.min().map(|(_, known)| known)
}

/// Returns the number of typing errors between two names, if they are few. Two swapped letters count as
/// one, upper and lower case as none.
pub(crate) fn distance(name: &str, known: &str) -> Option<usize> {
    if is_same_but_for_case(name, known) {
        return Some(0);
    }
    let length = name.chars().count();
    let allowed = (length / 3).max(1);
    // Most names are dismissed by their length, which is cheap.
    let is_close = length.abs_diff(known.chars().count()) <= allowed;
    is_close.then(|| strsim::osa_distance(name, known)).filter(|n_edits| *n_edits <= allowed)
}

/// Returns true if only upper and lower case differ.
pub(crate) fn is_same_but_for_case(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// Lists names in words: "`a`, `b` and `c`".
pub(crate) fn alternatives<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_has_a_distance_and_another_word_has_none() {
        for (typed, meant, n_edits) in [
            ("redis-sever", "redis-server", Some(1)),
            ("psotgres", "postgres", Some(1)),
            ("NGINX", "nginx", Some(0)),
            ("nginx", "memcached", None),
            ("sh", "cp", None),
        ] {
            assert_eq!(distance(typed, meant), n_edits, "{typed}");
        }
    }

    #[test]
    fn the_nearest_of_several_is_chosen() {
        let known = ["redis-cli", "redis-server", "redis-sentinel"];
        assert_eq!(name("redis-sever", known.into_iter()), Some("redis-server"));
        assert_eq!(name("mysqld", known.into_iter()), None);
    }
}

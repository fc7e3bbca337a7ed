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
    is_close.then(|| n_edits(name, known)).filter(|n_edits| *n_edits <= allowed)
}

/// Returns how many characters have to be inserted, removed, replaced or swapped with the next one to make
/// one text of another: the optimal string alignment distance.
pub(crate) fn n_edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let is_swap = i > 1 && j > 1 && one[i - 2..i] == [other[j - 1], other[j - 2]];
                let swapped = if is_swap { table[i - 2][j - 2] + 1 } else { replaced };
                replaced.min(swapped).min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
            };
        }
    }
    table[one.len()][other.len()]
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
    fn each_kind_of_edit_counts_as_one() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("ab", "ba", 1),
            ("abc", "acb", 1),
            ("ca", "abc", 3),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(n_edits(one, other), expected, "{one} {other}");
            assert_eq!(n_edits(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_of_several_is_chosen() {
        let known = ["redis-cli", "redis-server", "redis-sentinel"];
        assert_eq!(name("redis-sever", known.into_iter()), Some("redis-server"));
        assert_eq!(name("mysqld", known.into_iter()), None);
    }
}

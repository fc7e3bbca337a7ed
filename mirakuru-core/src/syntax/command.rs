//! Command lines, and the names of environment variables.

/// Splits a command line as a shell does.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    shlex::split(text).ok_or_else(|| {
        format!("the command `{text}` has a quote that is not closed, or ends with a backslash")
    })
}

/// Returns true if a word would have a meaning in a shell: it combines or redirects commands, or has the
/// value of a variable.
pub(crate) fn is_for_a_shell(word: &str) -> bool {
    let is_operator = ["|", "||", "&", "&&", ";"].contains(&word);
    let is_redirection = [">", "<", "1>", "2>", "&>"].iter().any(|it| word.starts_with(it));
    let is_value =
        |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "_{(".contains(c));
    is_operator || is_redirection || word.split('$').skip(1).any(is_value)
}

/// Fails if the first word of a command names no program.
pub(crate) fn check_program(first: Option<&[u8]>) -> Result<(), String> {
    match first {
        None => Err("the command is empty: name the program to run".to_owned()),
        Some([]) => Err("the first word of the command, the program, is empty".to_owned()),
        Some(_) => Ok(()),
    }
}

/// Fails if the bytes cannot be the name of an environment variable.
pub(crate) fn check_variable(name: &[u8]) -> Result<(), String> {
    if name.is_empty() || name.iter().any(|byte| matches!(byte, b'=' | 0)) {
        let name = String::from_utf8_lossy(name);
        return Err(format!(
            "`{}` is not the name of an environment variable",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_program_is_refused() {
        for (first, why) in [(None, "command is empty"), (Some(&b""[..]), "first word")] {
            assert!(check_program(first).unwrap_err().contains(why));
        }
        assert_eq!(check_program(Some(b"sh")), Ok(()));
    }

    #[test]
    fn words_for_a_shell_are_recognised() {
        for word in ["&&", "|", ">", "2>&1", ">/dev/null", "$PORT", "--port=${PORT}", "$(id)"] {
            assert!(is_for_a_shell(word), "{word}");
        }
        for word in ["", "a&b", "->", "x;", "costs$", "^a$|^b$", "$1", "{port}", "a|b"] {
            assert!(!is_for_a_shell(word), "{word}");
        }
    }

    #[test]
    fn the_name_of_a_variable_has_no_equals_sign_and_no_zero_byte() {
        for name in ["", "A=B", "A\0"] {
            assert!(check_variable(name.as_bytes()).is_err(), "{name:?}");
        }
        assert_eq!(check_variable(b"PATH"), Ok(()));
    }
}

//! The name of a process that its executor does not name.

use std::ffi::OsString;
use std::path::Path;

use crate::command::CommandLine;

const SHELLS: &[&str] = &["sh", "ash", "bash", "busybox", "dash", "env", "ksh", "zsh"];

/// Programs that say nothing about what they run, beside the shells.
const INTERPRETERS: &[&str] =
    &["bun", "deno", "java", "node", "perl", "php", "pypy", "python", "ruby"];

/// Returns the name of the program. One that says nothing yields to what the tests call the process,
/// and a shell to the program that its script becomes.
pub(super) fn of(command: &CommandLine, label: impl FnOnce() -> Option<String>) -> String {
    let words = command.words().unwrap_or_default();
    let program = words.first().map(|program| Path::new(program).file_name().unwrap_or(program));
    let program = program.unwrap_or_default().to_string_lossy();
    // A binary of the package under test is called by its own name.
    let bin = program.strip_prefix("{bin:").and_then(|rest| rest.strip_suffix('}'));
    let program = bin.unwrap_or(&program);
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if SHELLS.contains(&program) {
        return label().or_else(|| executed(&words)).unwrap_or_else(|| "script".to_owned());
    }
    let label = if INTERPRETERS.contains(&plain) { label() } else { None };
    label.unwrap_or_else(|| program.to_owned())
}

/// Returns the last program that a script executes in place of its shell.
fn executed(words: &[OsString]) -> Option<String> {
    let script = words.last()?.to_str()?;
    let script: Vec<_> = script.split(|c: char| c.is_whitespace() || c == ';').collect();
    let place = script.iter().rposition(|word| *word == "exec")?;
    let name = script.get(place + 1)?.rsplit('/').next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!name.is_empty() && name.chars().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_never_called_by_its_shell() {
        let name =
            |command: CommandLine, label: Option<&str>| of(&command, || label.map(str::to_owned));
        let shell = |script: &str| CommandLine::from(["/bin/sh", "-c", script]);
        for (command, label, expected) in [
            (shell("exec redis-server --port 1"), Some("cache"), "cache"),
            (shell("echo a; exec /usr/bin/redis-server --port 1"), None, "redis-server"),
            (shell("exec $SERVER"), None, "script"),
            (shell("exec"), None, "script"),
            (shell("while true; do sleep 1; done"), None, "script"),
            ("bash run.sh".into(), Some("app"), "app"),
            ("python3.13 -m http.server".into(), Some("files"), "files"),
            ("python3 -m http.server".into(), None, "python3"),
            ("/usr/bin/redis-server".into(), Some("cache"), "redis-server"),
            ("{bin:my-app} serve".into(), Some("cache"), "my-app"),
        ] {
            assert_eq!(name(command, label), expected);
        }
    }
}

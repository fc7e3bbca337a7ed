//! Says where a person sees it which tests are skipped: a runner shows the output of failed tests alone.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::parent_id;
use std::path::PathBuf;

use mirakuru_core::__private::show;
use mirakuru_core::Executor;

use super::processes::{name_of, parent_of};

/// Prints that a test is skipped because a program is missing: below cargo, once a run for each program.
pub(super) fn without(program: &str) {
    let line = format!("skipped: {program} is not installed{}", package(program));
    println!("{line}");
    if note(&line).is_none_or(|was_known| !was_known) {
        show(&line);
    }
}

/// Prints how many tests of this run were skipped, to standard error of cargo: that of a test of the
/// documentation, which is the last of a run, is captured.
pub fn count_skipped() {
    let Some((cargo, file)) = runner().map(|pid| (pid, file_of(pid))) else { return };
    let Ok(lines) = fs::read_to_string(&file) else { return };
    let mut tests = BTreeMap::<_, usize>::new();
    lines.lines().for_each(|line| *tests.entry(line).or_default() += 1);
    let all: usize = tests.values().sum();
    let each = tests.iter().map(|(line, count)| format!("  {count} {line}\n"));
    let text = format!("\n{all} tests were skipped:\n{}", each.collect::<String>());
    let stderr = OpenOptions::new().append(true).open(format!("/proc/{cargo}/fd/2"));
    let _ = stderr.and_then(|mut stderr| stderr.write_all(text.as_bytes())); // It may be a socket.
    let _ = fs::remove_file(file); // It is in the directory for temporary files.
}

/// Returns the package of a program, if an error of the library names it.
fn package(program: &str) -> String {
    let error = Executor::new([program])
        .start()
        .map_or_else(|error| format!("{error:?}"), |_| String::new());
    let command = error.split_once("install it: `").and_then(|(_, rest)| rest.split('`').next());
    command.map_or_else(String::new, |command| format!(" ({command})"))
}

/// Notes a skipped test for the count. Returns true if there was one for the same reason in this run.
/// Nextest runs no tests of the documentation, so nothing would count them.
fn note(line: &str) -> Option<bool> {
    if env::var_os("NEXTEST_RUN_ID").is_some() {
        return None;
    }
    let file = file_of(runner()?);
    let known = fs::read_to_string(&file).unwrap_or_default();
    let mut file = OpenOptions::new().append(true).create(true).open(file).ok()?;
    file.write_all(format!("{line}\n").as_bytes()).ok()?;
    Some(known.lines().any(|it| it == line))
}

fn file_of(runner: u32) -> PathBuf {
    env::temp_dir().join(format!("mirakuru-skipped-{runner}"))
}

/// Returns the nearest ancestor that is cargo or nextest.
fn runner() -> Option<u32> {
    let is_runner = |pid: &u32| name_of(pid).starts_with("cargo");
    std::iter::successors(Some(parent_id()), |pid| parent_of(*pid)).find(is_runner)
}

#[cfg(test)]
mod tests {
    use crate::{need, scratch_dir, test_process};

    const MISSING: &str = "a-program-of-no-package";

    #[test]
    fn plays_a_role() {
        if test_process::role().is_some() {
            assert_eq!(need(MISSING).or_else(|| need(MISSING)), None);
        }
    }

    #[test]
    fn a_skipped_test_says_so_although_its_output_is_captured() {
        let temp = scratch_dir();
        let mut run = test_process::capturing("suite::skipped::tests::plays_a_role");
        run.env(test_process::ROLE, "skipped").env("TMPDIR", &*temp);
        run.env_remove("CI").env_remove("MIRAKURU_LOG").env_remove("NEXTEST_RUN_ID");
        let printed = test_process::printed(&run.output().unwrap());
        let line = format!("mirakuru: skipped: {MISSING} is not installed\n");
        assert_eq!(printed.matches(&line).count(), 1, "{printed}");
    }
}

//! The program that runs the tests, by whatever name.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mirakuru_tests::test_process::{printed, run_by};
use mirakuru_tests::{eventually, has};

use crate::run::{LONG, Run};

/// Runs two test processes that use a server of the session, below a shell.
const TWO: &str = "\"$0\" \"$@\" || exit; \"$0\" \"$@\"";

/// Returns a shell by another name.
fn shell(run: &Run, name: &str) -> PathBuf {
    let copy = run.temp.join(name);
    fs::copy("/bin/sh", &copy).unwrap();
    copy
}

/// Returns a command that runs the script in the shell, with the command of a test process.
fn below(run: &Run, shell: &Path, script: &str) -> Command {
    let mut test = run.test("uses the session's");
    test.env_remove("MIRAKURU_SESSION").env_remove("NEXTEST_RUN_ID").env_remove("CARGO");
    run_by(&[shell.as_os_str(), "-c".as_ref(), script.as_ref()], &test)
}

/// Fails unless the session of two processes has ended with their runner.
#[track_caller]
fn is_one_session(run: Run, mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(run.starts(), 1);
    // The runner that this test has, and the one that runs this test, live on.
    eventually(LONG, || run.processes().is_empty());
    run.finish();
}

#[test]
fn a_cargo_of_another_name_is_a_runner() {
    let run = Run::new();
    let shell = shell(&run, ".cargo-wrapped");
    let mut command = below(&run, &shell, TWO);
    command.env("CARGO", &shell);
    is_one_session(run, command);
}

#[test]
fn a_nextest_of_another_name_is_a_runner() {
    let run = Run::new();
    let shell = shell(&run, "runs-tests");
    let script = format!("export NEXTEST_RUN_ID=inner; {TWO}");
    let command = below(&run, &shell, &script);
    is_one_session(run, command);
}

#[test]
fn a_runner_that_is_not_found_is_reported_in_one_line() {
    let run = Run::new();
    // Orphans have other ancestors. The processes wait until they are some.
    let script = format!("(read line; {TWO}) <&3 >$OUTPUT 2>&1 &");
    let mut command = below(&run, "/bin/sh".as_ref(), &format!("exec 3<&0; {script}"));
    let output = run.temp.join("output");
    command.env("CARGO", "/bin/false").env("OUTPUT", &output);
    let mut shell = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    shell.wait().unwrap();
    stdin.write_all(b"\n").unwrap();
    let printed = || fs::read_to_string(&output).unwrap_or_default();
    eventually(LONG, || printed().matches("test result").count() == 2);
    assert_eq!(printed().matches("that runs the tests was not found").count(), 2, "{}", printed());
    assert_eq!(run.starts(), 2);
    run.finish();
}

#[test]
fn what_adopts_a_test_whose_nextest_has_ended_is_no_runner() {
    let run = Run::new();
    let mut test = run.test("uses the session's at the end of input");
    test.env_remove("MIRAKURU_SESSION").env_remove("NEXTEST_RUN_ID").env_remove("CARGO");
    let script = "exec 3<&0; export NEXTEST_RUN_ID=inner; \"$0\" \"$@\" <&3 >$OUTPUT 2>&1 &\n\
        until grep -q begun $OUTPUT; do sleep 0.02; done";
    let mut command = run_by(&["/bin/sh", "-c", script], &test);
    let output = run.temp.join("output");
    fs::write(&output, "").unwrap();
    let mut nextest = command.env("OUTPUT", &output).stdin(Stdio::piped()).spawn().unwrap();
    let stdin = nextest.stdin.take();
    nextest.wait().unwrap();
    drop(stdin);
    let printed = || fs::read_to_string(&output).unwrap_or_default();
    eventually(LONG, || printed().contains("test result"));
    assert!(printed().contains("the run that shares its servers is over"), "{}", printed());
    assert_eq!(run.starts(), 0);
    run.finish();
}

#[test]
fn a_traced_test_does_not_wait_for_its_runner() {
    if !has("strace") {
        return;
    }
    let run = Run::new();
    let test = run.test("uses the session's");
    let mut command = run_by(&["strace", "-f", "-o", "/dev/null"], &test);
    let mut strace = command.stdout(Stdio::null()).spawn().unwrap();
    eventually(LONG, || strace.try_wait().unwrap().is_some());
    assert!(strace.wait().unwrap().success());
    assert_eq!((run.starts(), run.stops()), (1, 1));
    run.finish();
}

//! Test processes that a test starts: this binary again, for one of its tests, which plays a role.
//!
//! What becomes of a server when its tests end can only be seen from outside. The playing test asks
//! for its [`role`] and returns if there is none, as in an ordinary run. Further values that it
//! needs come by the environment, see [`value`].

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// The environment variable that names the role of a process.
pub const ROLE: &str = "MIRAKURU_TEST_ROLE";

/// Returns the role of this process, or none in an ordinary run of the tests.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Returns a variable that the starting test has set for the role.
#[track_caller]
pub fn value(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("the role needs `{name}`: {error}"))
}

/// The path of the test that contains this, as the command line of a test binary takes it.
#[macro_export]
macro_rules! this_test {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here).trim_end_matches("::here");
        path.split_once("::").map_or(path, |(_crate, test)| test)
    }};
}

/// This binary with one of its tests, which plays a role and prints as it goes.
pub fn playing(test: &str, role: &str) -> Command {
    let mut command = printing(test);
    command.arg("--exact").env(ROLE, role);
    command
}

/// Returns the command in which these words run another one, with its environment.
pub fn run_by(words: &[impl AsRef<OsStr>], run: &Command) -> Command {
    let mut command = Command::new(words[0].as_ref());
    command.args(&words[1..]).arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// This binary with all tests whose paths contain `filter`, which print as they go.
pub fn printing(filter: &str) -> Command {
    let mut command = capturing(filter);
    command.arg("--nocapture");
    command
}

/// This binary with all tests whose paths contain `filter`. The output of those that fail is
/// printed at the end, test by test.
pub fn capturing(filter: &str) -> Command {
    let own = env::current_exe().expect("this binary has a path");
    let mut command = Command::new(own);
    command.arg(filter).env_remove("RUST_TEST_NOCAPTURE");
    // The variables of the outer runner do not describe the inner run.
    command.env_remove("NEXTEST_EXECUTION_MODE").env_remove("RUST_TEST_THREADS");
    command
}

/// Returns all that a run printed, for the message of an assertion.
pub fn printed(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    format!("{}\n{stdout}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
}

/// Prints a line to the test that started this process.
pub fn say(line: impl Display) {
    println!("\n{line}"); // libtest has printed the name of the test without an end of line.
}

/// Returns when the test that started this process closes the other end of stdin, or has ended.
pub fn wait_for_end_of_input() {
    io::stdin().read_to_end(&mut Vec::new()).expect("stdin can be read");
}

/// A test process that runs. It is killed on drop.
#[derive(Debug)]
pub struct TestProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl TestProcess {
    /// Runs one test of this binary in the role.
    #[track_caller]
    pub fn playing(test: &str, role: &str) -> Self {
        Self::start(&mut playing(test, role))
    }

    /// Runs a test process. Its stdin stays open until [`go_on`](Self::go_on) or
    /// [`finish`](Self::finish); what it prints on stderr is discarded.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("this binary can be run");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        Self { child, lines: BufReader::new(stdout).lines() }
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins with the prefix, and returns the rest of it.
    #[track_caller]
    pub fn line(&mut self, prefix: &str) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        let rest = lines.find_map(|line| Some(line.strip_prefix(prefix)?.trim().to_owned()));
        rest.unwrap_or_else(|| panic!("the test process did not print `{prefix}`"))
    }

    /// Waits for a line that begins with the prefix, and returns the number that follows.
    #[track_caller]
    pub fn number(&mut self, prefix: &str) -> u32 {
        let rest = self.line(prefix);
        rest.parse().unwrap_or_else(|error| panic!("`{rest}` after `{prefix}`: {error}"))
    }

    /// Closes the stdin of the process, see [`wait_for_end_of_input`].
    pub fn go_on(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Closes the stdin of the process, and waits for its end.
    pub fn finish(&mut self) -> ExitStatus {
        self.go_on();
        self.wait()
    }

    /// Sends a signal to the process, and waits for its end.
    pub fn signal(&mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal);
        self.wait()
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        // `Child::wait` would close stdin, which some processes wait for.
        let stdin = self.child.stdin.take();
        let status = self.child.wait().expect("a child can be waited for");
        self.child.stdin = stdin;
        status
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that this one has started.
#[track_caller]
pub fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).expect("process ids are small");
    signal::kill(Pid::from_raw(pid), signal).expect("the process is there");
}

//! A test process besides this one: the same binary, run again for one test, which then plays the
//! other part. What becomes of a server when its tests end can only be seen from outside.

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, ExitStatus, Stdio};

use mirakuru_core::Executor;
use mirakuru_tests::rerun;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// The name of the test that this stands in, as the command line of a test binary takes it.
macro_rules! this_test {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here).strip_suffix("::here").unwrap();
        path.split_once("::").unwrap().1
    }};
}
pub(crate) use this_test;

/// The mark, if this process plays the other part.
pub(crate) use mirakuru_tests::rerun::part;

/// Tells the one who started this process something, on a line of its own.
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("\n{line}"); // The line before is libtest's, and not at its end.
}

/// Returns when the one who started this process closes its side, or is gone.
pub(crate) fn wait_to_be_told() {
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// The other test process. Dropping it ends it.
pub(crate) struct OtherTests {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl OtherTests {
    /// Runs the named test of this binary in a process of its own.
    #[track_caller]
    pub(crate) fn start(test: &str, mark: &str) -> Self {
        let mut command = rerun::playing(test, mark);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The number in its next line that begins with the word.
    #[track_caller]
    pub(crate) fn said(&mut self, word: &str) -> u32 {
        let mut lines = self.lines.by_ref().map(|line| line.unwrap());
        let number = lines.find_map(|line| line.strip_prefix(word)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("the other tests did not say `{word}`"))
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> ExitStatus {
        kill(self.child.id(), signal);
        self.child.wait().unwrap()
    }

    /// Tells it to go on, and waits for its end.
    pub(crate) fn finish(&mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }
}

/// Sends a signal to a process that this one has started.
#[track_caller]
pub(crate) fn kill(pid: u32, signal: Signal) {
    signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

impl Drop for OtherTests {
    fn drop(&mut self) {
        let _ = self.child.kill(); // Mostly it has ended.
        let _ = self.child.wait();
    }
}

/// The named test of this binary as a server.
pub(crate) fn as_server(test: &str, mark: &str) -> Executor {
    let program = env::current_exe().unwrap();
    Executor::new([program]).args([test, "--exact", "--nocapture"]).env(rerun::PART, mark)
}

//! A run of test processes with a runner of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mirakuru_tests::{
    ScratchDir, bin, eventually, name_of, processes_with_mark, processes_with_variable,
    scratch_dir, starts, stops, test_process,
};

pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A runner, and the files of its tests.
pub(crate) struct Run {
    pub(crate) temp: ScratchDir,
    pub(crate) mark: String,
    runner: Child,
    /// The runner exits when this is closed.
    _stdin: ChildStdin,
}

impl Run {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut runner = Command::new(bin!("mk-cat"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = runner.stdin.take().unwrap();
        let mark = format!("run-{number}-{}-", std::process::id());
        Self { temp: scratch_dir(), mark, runner, _stdin: stdin }
    }

    /// A test process that plays a role.
    pub(crate) fn test(&self, role: &str) -> Command {
        self.playing("roles::plays_a_role", role)
    }

    /// The same with another test that plays it.
    pub(crate) fn playing(&self, test: &str, role: &str) -> Command {
        let mut command = test_process::playing(test, role);
        command
            .env("NEXTEST_EXECUTION_MODE", "process-per-test")
            .env("NEXTEST_TEST_NAME", role)
            .env("MIRAKURU_SESSION", self.runner_pid().to_string())
            .env("TMPDIR", &*self.temp)
            .env("START_LOG", self.start_log())
            .env("EVENTS", self.temp.join("events"))
            .env("MARK", &self.mark)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns the path of a copy of this binary, which counts as another binary.
    pub(crate) fn other_binary(&self) -> PathBuf {
        let copy = self.temp.join("other-binary");
        let own = std::env::current_exe().unwrap();
        // A link is enough: only the path matters.
        fs::hard_link(&own, &copy).or_else(|_| fs::copy(&own, &copy).map(drop)).unwrap();
        copy
    }

    pub(crate) fn start_log(&self) -> PathBuf {
        self.temp.join("starts")
    }

    pub(crate) fn starts(&self) -> usize {
        starts(&self.start_log())
    }

    pub(crate) fn stops(&self) -> usize {
        stops(&self.start_log())
    }

    /// Returns the lines that the test processes have written, in their order.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(self.temp.join("events")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn processes(&self) -> Vec<i32> {
        processes_with_mark(&self.mark)
    }

    pub(crate) fn runner_pid(&self) -> u32 {
        self.runner.id()
    }

    pub(crate) fn kill_runner(&mut self) {
        self.runner.kill().unwrap();
        self.runner.wait().unwrap();
    }

    /// True if each supervisor has begun to stop its server.
    pub(crate) fn is_ending(&self) -> bool {
        let members = processes_with_variable("TMPDIR", &*self.temp);
        members.into_iter().all(|pid| name_of(pid) != "mirakuru")
    }

    /// Ends the runner, and waits until no process is left. If the last supervisor of a session
    /// ended before its runner, the next session removes the directory.
    #[track_caller]
    pub(crate) fn abandon(mut self) {
        self.kill_runner();
        eventually(LONG, || self.processes().is_empty());
    }

    /// Ends the runner, and waits until no process and no directory of its session is left.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.kill_runner();
        eventually(LONG, || self.processes().is_empty());
        let left = || session_directories(&self.temp);
        eventually(LONG, || left().is_empty());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.runner.kill(); // It may have ended.
        let _ = self.runner.wait();
    }
}

/// Returns the directories that sessions and processes have among the temporary files.
pub(crate) fn session_directories(temp: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(temp).unwrap().flatten().map(|entry| entry.path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("mirakuru-") && !name.starts_with("mirakuru-logs-")
    };
    entries.filter(is_ours).collect()
}

/// Runs processes, that many at a time, and returns their output.
pub(crate) fn run_all(commands: Vec<Command>, at_a_time: usize) -> Vec<Output> {
    let waiting = Mutex::new(commands);
    let outputs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let Some(mut command) = waiting.lock().unwrap().pop() else { return };
                    let output = command.output().unwrap();
                    outputs.lock().unwrap().push(output);
                }
            });
        }
    });
    outputs.into_inner().unwrap()
}

/// Another program in the environment of a command.
pub(crate) fn as_program(command: &Command, program: &Path) -> Command {
    let mut other = Command::new(program);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

#[track_caller]
pub(crate) fn all_passed(outputs: &[Output]) {
    for output in outputs {
        assert!(output.status.success(), "{}", test_process::printed(output));
    }
}

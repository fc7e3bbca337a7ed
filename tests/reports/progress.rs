//! Slow waits are reported on stderr, and quick ones are not.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mirakuru_rstest::{Executor, Scope, Shared};
use mirakuru_tests::test_process::{self, say, wait_for_end_of_input};
use mirakuru_tests::{bin, need};

static QUICK: Shared = Shared::new(|| answers_after(0).name("quick"));
static QUICK_FOR_ALL: Shared = Shared::new(|| answers_after(0).name("quick")).scope(Scope::Session);
static SLOW_FOR_ALL: Shared =
    Shared::new(|| answers_after(1500).name("slow")).scope(Scope::Session);

static RUNS_ALREADY: Shared = Shared::new(|| {
    Executor::new("false")
        .name("absent")
        .tcp("127.0.0.1:{port}")
        .timeout(Duration::from_millis(1300))
});

/// A server that answers 503 until that much time has passed.
fn answers_after(millis: u64) -> Executor {
    let url = format!("http://127.0.0.1:{{port}}/warm?ms={millis}");
    Executor::new([bin!("mk-http-server"), "{port}"]).http(url)
}

/// Plays a role for another test: the test process that waits.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    match role.as_str() {
        "starts a slow one" => drop(answers_after(1300).name("slow").start().unwrap()),
        "starts a quick one" => drop(answers_after(0).start().unwrap()),
        "starts one that listens elsewhere" => {
            let elsewhere =
                Executor::new([bin!("mk-tcp-server"), "{port:other}"]).name("elsewhere");
            let limit = Duration::from_millis(1300);
            elsewhere.tcp("127.0.0.1:{port}").timeout(limit).start().unwrap_err();
        }
        "leases one that does not run" => drop(RUNS_ALREADY.lease().unwrap_err()),
        "starts two" => start_at_once(2),
        "starts eight" => start_at_once(8),
        "waits for a lease" => wait_for_a_lease(),
        "leases the slow one" => drop(SLOW_FOR_ALL.lease().unwrap()),
        "holds the quick one" => {
            let lease = QUICK_FOR_ALL.exclusive().unwrap();
            say("leased");
            wait_for_end_of_input();
            drop(lease);
        }
        "asks for the quick one" => drop(QUICK_FOR_ALL.exclusive().unwrap()),
        other => panic!("no role is called {other}"),
    }
}

fn start_at_once(count: usize) {
    thread::scope(|scope| {
        for number in 0..count {
            let executor = answers_after(1300).name(format!("slow-{number}"));
            scope.spawn(move || executor.start().unwrap());
        }
    });
}

/// One test holds the process until the input ends; two others wait for it.
fn wait_for_a_lease() {
    let (send, is_held) = mpsc::channel();
    thread::scope(|scope| {
        let holder = thread::Builder::new().name("the holder".to_owned());
        let hold = move || {
            let lease = QUICK.exclusive().unwrap();
            send.send(()).unwrap();
            wait_for_end_of_input();
            drop(lease);
        };
        holder.spawn_scoped(scope, hold).unwrap();
        is_held.recv().unwrap();
        scope.spawn(|| drop(QUICK.lease().unwrap()));
        scope.spawn(|| drop(QUICK.exclusive().unwrap()));
    });
}

/// A test process without a terminal.
fn playing(role: &str) -> Command {
    let mut command = test_process::playing("progress::plays_a_role", role);
    command.env_remove("MIRAKURU_LOG").stdin(Stdio::null());
    command
}

/// Returns the lines that a test process writes to stderr: all of them are from the library.
fn stderr_lines(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_slow_start_is_reported_once_with_the_last_observation() {
    let lines = stderr_lines(&mut playing("starts a slow one"));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(
        line.starts_with("mirakuru: waiting (1 of 30 s) for slow: HEAD http://127.0.0.1:"),
        "{line}"
    );
    assert!(line.contains("/warm?ms=1300 "), "{line}");
    assert!(line.ends_with(" (so far: HTTP status 503)"), "{line}");
}

/// The fallback does not know which process listens.
#[cfg(not(mirakuru_fallback))]
#[test]
fn a_slow_start_says_where_the_process_listens_instead() {
    let lines = stderr_lines(&mut playing("starts one that listens elsewhere"));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    let (_, seen) = line.split_once("connection refused; it listens on 127.0.0.1:").expect(line);
    assert!(seen.ends_with(" instead)"), "{line}");
}

#[test]
fn a_wait_for_a_server_that_is_to_run_already_says_who_says_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut tests = playing("leases one that does not run");
    let lines = stderr_lines(tests.env("MIRAKURU_USE_ABSENT", free.to_string()));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    let end = "connection refused; MIRAKURU_USE_ABSENT says that it runs already)";
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn a_quick_start_is_not_reported() {
    assert_eq!(stderr_lines(&mut playing("starts a quick one")), [""; 0]);
}

#[test]
fn slow_starts_are_not_reported_if_that_is_turned_off() {
    assert_eq!(stderr_lines(playing("starts a slow one").env("MIRAKURU_LOG", "off")), [""; 0]);
}

/// Without `/proc`, standard error of the runner cannot be opened.
#[cfg(not(mirakuru_fallback))]
#[test]
fn a_slow_start_is_reported_where_the_user_of_nextest_looks() {
    const CAPTURING: &str = "NEXTEST_RUN_ID=one sh -c 'exec \"$@\" 2>/dev/null' sh \"$@\"; exit $?";
    let run = playing("starts a slow one");
    let mut nextest = test_process::run_by(&["sh", "-c", CAPTURING, "sh"], &run);
    let lines = stderr_lines(nextest.env_remove("MIRAKURU_SESSION"));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(
        line.starts_with("mirakuru: waiting (1 of 30 s) for slow: HEAD http://127.0.0.1:"),
        "{line}"
    );
}

#[test]
fn reports_of_several_waits_at_once_do_not_mix() {
    let lines = stderr_lines(&mut playing("starts eight"));
    let name = |line: &String| {
        let rest = line.strip_prefix("mirakuru: waiting (1 of 30 s) for ").unwrap();
        assert!(rest.contains(": HEAD http") && rest.contains(" (so far: "), "{line}");
        rest.split(':').next().unwrap().to_owned()
    };
    let names: BTreeSet<_> = lines.iter().map(name).collect();
    assert_eq!((names.len(), lines.len()), (8, 8), "{lines:#?}");
}

#[test]
fn a_wait_for_a_lease_names_the_holder_and_is_reported_by_one_of_the_waiting_tests() {
    let lines = lines_until_the_holder_lets_go(playing("waits for a lease"));
    let line = "mirakuru: waiting (1 of 60 s) for a lease of quick, held by the holder";
    assert_eq!(lines, [line]);
}

/// Returns the lines of a test process whose input ends after the first one.
fn lines_until_the_holder_lets_go(mut command: Command) -> Vec<String> {
    let (stdin, stdout) = (Stdio::piped(), Stdio::null());
    let mut child = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let lines = lines.inspect(|_| input = None).collect();
    assert!(child.wait().unwrap().success());
    lines
}

/// Without Linux, the runner is not found and each process has its own servers.
#[cfg(not(mirakuru_fallback))]
mod across_processes {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::thread;

    use mirakuru_tests::test_process::TestProcess;
    use mirakuru_tests::{ScratchDir, bin, scratch_dir};

    use super::{playing, stderr_lines};

    /// A runner, whose life is one run of tests.
    struct Run {
        temp: ScratchDir,
        runner: Child,
        /// The runner exits when this is closed.
        stdin: Option<ChildStdin>,
    }

    impl Run {
        fn new() -> Self {
            let mut runner = Command::new(bin!("mk-cat"));
            let mut runner = runner.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let stdin = runner.stdin.take();
            Self { temp: scratch_dir(), runner, stdin }
        }

        fn playing(&self, role: &str) -> Command {
            let mut command = playing(role);
            command
                .env("MIRAKURU_SESSION", self.runner.id().to_string())
                .env("NEXTEST_TEST_NAME", role)
                .env("TMPDIR", &*self.temp);
            command
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            self.stdin = None;
            self.runner.wait().unwrap();
        }
    }

    #[test]
    fn a_wait_for_another_test_process_that_starts_it_is_reported() {
        let run = Run::new();
        let mut all: Vec<String> = thread::scope(|scope| {
            let both = [(), ()]
                .map(|()| scope.spawn(|| stderr_lines(&mut run.playing("leases the slow one"))));
            both.into_iter().flat_map(|one| one.join().unwrap()).collect()
        });
        all.sort();
        let [other, own] = &all[..] else { panic!("{all:#?}") };
        let line = "mirakuru: waiting (1 of 30 s) for another test process to start slow";
        assert_eq!(other, line);
        assert!(own.starts_with("mirakuru: waiting (1 of 30 s) for slow: HEAD http"), "{own}");
    }

    #[test]
    fn a_wait_for_another_test_process_that_has_a_lease_names_that() {
        let run = Run::new();
        let mut holder = TestProcess::start(&mut run.playing("holds the quick one"));
        holder.line("leased");
        let mut asks = run.playing("asks for the quick one");
        let mut asks = asks.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(asks.stderr.take().unwrap()).lines().map_while(Result::ok);
        let lines: Vec<_> = lines.inspect(|_| holder.go_on()).collect();
        assert!(asks.wait().unwrap().success());
        assert!(holder.finish().success());
        let holder = format!("pid {} (`holds the quick one`)", holder.pid());
        assert_eq!(
            lines,
            [format!("mirakuru: waiting (1 of 60 s) for a lease of quick, held by {holder}")]
        );
    }
}

const ERASE: &str = "\r\x1b[K";
const BAR: &str = "mirakuru: [";

/// Returns all that a test process writes to a terminal of 60 columns.
fn on_a_terminal(role: &str) -> Option<String> {
    need("script")?;
    let command = playing(role);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).stdin(Stdio::null());
    script.env_remove("CI").env_remove("MIRAKURU_LOG").env("TERM", "xterm").env("COLUMNS", "60");
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = script.output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_terminal_gets_a_bar_that_is_erased_when_the_wait_is_over() {
    let Some(shown) = on_a_terminal("starts a slow one") else { return };
    let drawn: Vec<_> = shown.split(ERASE).filter(|piece| piece.starts_with(BAR)).collect();
    assert!((2..=20).contains(&drawn.len()), "{shown:?}");
    for bar in drawn {
        assert_eq!(bar.chars().count(), 59, "{bar:?} is not cut to one line");
        assert!(
            bar.starts_with("mirakuru: [                    ] 1 of 30 s: slow: HEAD "),
            "{bar}"
        );
    }
    let (_, end) = shown.rsplit_once(ERASE).unwrap();
    assert!(!end.contains("mirakuru"), "the bar is left: {shown:?}");
    assert!(!shown.contains("waiting ("), "{shown:?}");
}

#[test]
fn of_two_waits_on_a_terminal_one_draws_and_the_other_prints_a_line() {
    let Some(shown) = on_a_terminal("starts two") else { return };
    let pieces = || shown.split(ERASE).flat_map(str::lines);
    let bars: BTreeSet<_> = pieces()
        .filter_map(|piece| piece.strip_prefix("mirakuru: [                    ] 1 of 30 s: "))
        .map(|rest| rest.split(':').next().unwrap())
        .collect();
    let lines: Vec<_> = pieces()
        .filter_map(|piece| piece.strip_prefix("mirakuru: waiting (1 of 30 s) for "))
        .collect();
    let whole = lines.iter().all(|line| line.contains(" (so far: ") && line.ends_with(')'));
    assert!(bars.len() == 1 && lines.len() == 1 && whole, "{shown:?}");
    assert!(!lines[0].starts_with(bars.first().unwrap()), "{shown:?}");
}

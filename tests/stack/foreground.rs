//! A stack in the foreground: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_core::{Executor, Stack};
use mirakuru_tests::starting::{LONG, SOON, nothing_left, soon};
use mirakuru_tests::test_process::{self, kill, playing, say, value};
use mirakuru_tests::{
    Random, ScratchDir, budget, eventually, need, processes_with_mark, scratch_dir, seed,
};
use nix::sys::signal::{Signal, raise};

use crate::{lines, logs};

/// Plays a role for another test: a program that runs a stack in the foreground.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    let mark = value("DIR");
    let log = Path::new(&mark).join("log");
    let log = log.as_path();
    let marked = |script: &str| Executor::shell(format!("{script} # {mark}"));
    let sleeper = || marked("echo up; sleep 300").output("^up$");
    let starts = "echo start >> $DIR/starts; echo up;";
    let db = || logs("db", log);
    let with = |db, app: &str| two(db, marked(app).output("^up$"));
    let stack = match role.as_str() {
        "logs" => two(db(), logs("app", log)),
        "ignores" => with(sleeper(), "trap '' TERM; echo up; while :; do sleep 0.01; done"),
        "never ready" => with(db(), "sleep 300; true"),
        "dies" => with(db(), "echo up; sleep 0.5; echo no space >&2; exit 3"),
        "dies twice" => {
            let stays = "[ $(wc -l < $DIR/starts) -lt 3 ] || sleep 300";
            with(db(), &format!("{starts} {stays}; sleep 0.5; exit 4")).restart(true)
        }
        "always dies" => with(db(), &format!("{starts} sleep 0.5; exit 4")).restart(true),
        "writes much" => {
            let much = "yes | head -c 3000000; touch $DIR/written; echo; echo up; sleep 300";
            with(db(), much)
        }
        "runs already" => two(marked("false").external(value("RUNS")), sleeper()),
        "coloured" => {
            let red = marked("printf '\\033[31mred\\033[0m\\n'; echo up; sleep 300");
            two(red.output("^up$"), sleeper())
        }
        "twice" => {
            let [stack, other] = [(); 2].map(|()| two(sleeper(), sleeper()));
            thread::scope(|scope| {
                let first = scope.spawn(|| stack.run());
                eventually(LONG, || processes_with_mark(&mark).len() > 1);
                say(format!("refused: {}", other.run().unwrap_err()));
                raise(Signal::SIGINT).unwrap();
                first.join().unwrap().unwrap();
            });
            return say("is over: ok");
        }
        other => panic!("no role is called {other}"),
    };
    match stack.run() {
        Ok(()) => say("is over: ok"),
        Err(error) => say(format!("is over: {}", format!("{error:?}").replace('\n', " "))),
    }
    if std::env::var_os("AFTERWARDS").is_some() {
        raise(Signal::SIGTERM).unwrap();
    }
}

/// Returns a stack of a member and one that needs it.
fn two(db: Executor, app: Executor) -> Stack {
    Stack::new().add("db", db).add("app", app).needs("app", "db")
}

/// A program that runs a stack in the foreground. It is killed on drop.
struct Program {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    /// The path of its directory, which is in the command of each member.
    mark: String,
    log: PathBuf,
    printed: Vec<String>,
    _dir: ScratchDir,
}

impl Program {
    fn playing(role: &str) -> Self {
        Self::by(role, |_| {})
    }

    fn by(role: &str, change: impl FnOnce(&mut Command)) -> Self {
        let dir = scratch_dir();
        let mut command = playing("foreground::plays_a_role", role);
        command.env("DIR", &*dir).env("TERM", "xterm").env_remove("NO_COLOR");
        change(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        let log = dir.join("log");
        let mark = dir.display().to_string();
        Self { child, stdout, mark, log, printed: Vec::new(), _dir: dir }
    }

    /// Waits for a line with this part.
    #[track_caller]
    fn line(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "no line has `{part}`: {:#?}", self.printed);
            self.printed.push(line.trim_end().to_owned());
            if line.contains(part) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    /// Waits for the end of the program, which leaves nothing.
    #[track_caller]
    fn ends(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        eventually(SOON, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        nothing_left(&self.mark);
        status.unwrap()
    }

    fn stopped(&self) -> Vec<String> {
        lines(&self.log).into_iter().filter(|line| line.starts_with("stop")).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

#[test]
fn each_line_is_behind_a_name_and_a_table_says_where_all_are() {
    let mut program = Program::playing("logs");
    program.line("the logs are in /");
    let of = |name: &str| {
        let begin = format!("mirakuru | {name} ");
        let lines = program.printed.iter().filter(|line| line.starts_with(&begin));
        lines.cloned().collect::<Vec<_>>()
    };
    let (db, app) = (of("db"), of("app"));
    assert!(db[0].contains("is ready after 0."), "{db:?}");
    assert!(app[1].ends_with(".log") && app[1].contains(" - "), "{app:?}");
    assert!(program.printed.iter().any(|line| line == "db       | up"), "{:?}", program.printed);
    assert!(!program.printed.iter().any(|line| line.contains('\x1b')), "{:?}", program.printed);
    program.signal(Signal::SIGINT);
    program.line("is over: ok");
    assert!(program.ends().success());
}

#[test]
fn a_signal_stops_the_members_in_reverse_order() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut program = Program::playing("logs");
        program.line("the logs are in /");
        program.signal(signal);
        program.line("stopping, in reverse order");
        program.line("is over: ok");
        assert_eq!(program.stopped(), ["stop app", "stop db"]);
        assert!(program.ends().success());
    }
}

#[test]
fn a_second_signal_kills_the_members() {
    let mut program = Program::playing("ignores");
    program.line("the logs are in /");
    program.signal(Signal::SIGINT);
    program.line("stopping, in reverse order");
    program.signal(Signal::SIGINT);
    program.line("killing all");
    soon(|| program.line("is over: ok"));
    assert!(program.ends().success());
}

#[test]
fn a_terminal_that_hangs_up_twice_kills_nothing() {
    let mut program = Program::playing("logs");
    program.line("the logs are in /");
    program.signal(Signal::SIGHUP);
    program.signal(Signal::SIGHUP);
    program.line("is over: ok");
    assert_eq!(program.stopped(), ["stop app", "stop db"]);
}

#[test]
fn a_signal_has_its_former_effect_after_the_run() {
    let mut program = Program::by("logs", |command| {
        command.env("AFTERWARDS", "1");
    });
    program.line("the logs are in /");
    program.signal(Signal::SIGINT);
    program.line("is over: ok");
    let status = program.ends();
    assert_eq!(status.signal(), Some(15), "{status:?}");
}

#[test]
fn a_signal_that_the_program_ignores_ends_nothing() {
    let mut program = Program::by("logs", |command| {
        let words = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
        *command = test_process::run_by(&words, command);
    });
    program.line("the logs are in /");
    program.signal(Signal::SIGHUP);
    program.signal(Signal::SIGTERM);
    program.line("mirakuru | stopping");
    program.line("is over: ok");
}

#[test]
fn a_signal_ends_a_run_whose_members_are_not_ready_yet() {
    let mut program = Program::playing("never ready");
    program.line("db is ready");
    let mark = program.mark.clone();
    eventually(LONG, || processes_with_mark(&mark).len() >= 2);
    program.signal(Signal::SIGINT);
    program.line("is over: ok");
    assert_eq!(program.stopped(), ["stop db"]);
    assert!(program.ends().success());
    assert!(!program.printed.iter().any(|line| line.contains("address")), "{:?}", program.printed);
}

#[test]
fn a_member_that_dies_ends_the_run_with_its_report() {
    let mut program = Program::playing("dies");
    let line = program.line("is over: ");
    for part in ["app has ended", "exited with code 3", "no space"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(program.stopped(), ["stop db"]);
    assert!(program.ends().success());
}

#[test]
fn a_member_that_dies_is_started_again_by_choice() {
    let mut program = Program::playing("dies twice");
    for _ in 0..2 {
        program.line("app exited with code 4; starting it again");
        program.line("app is ready");
    }
    program.signal(Signal::SIGTERM);
    program.line("is over: ok");
    assert_eq!(program.stopped(), ["stop db"]);
    assert!(program.ends().success());
}

#[test]
fn a_member_that_always_dies_ends_the_run() {
    let mut program = Program::playing("always dies");
    let line = program.line("is over: ");
    let expected = "it ended more than 5 times in a minute";
    assert!(line.contains("app has ended") && line.contains(expected), "{line}");
    assert_eq!(program.printed.iter().filter(|line| line.contains("again")).count(), 5);
    assert!(program.ends().success());
}

#[test]
fn a_run_is_over_when_the_reader_of_its_output_is_gone() {
    let mut program = Program::playing("logs");
    program.line("the logs are in /");
    drop(program.stdout.take());
    // What it says after the run has no reader, which is an error of the program.
    program.ends();
    assert_eq!(program.stopped(), ["stop app", "stop db"]);
}

#[test]
fn output_that_is_not_read_delays_neither_a_member_nor_the_end() {
    let mut program = Program::playing("writes much");
    let ready = || lines(&program.log).contains(&"ready db".to_owned());
    eventually(LONG, ready);
    let written = program.log.with_file_name("written");
    eventually(LONG, || written.exists());
    program.signal(Signal::SIGTERM);
    let log = program.log.clone();
    eventually(LONG, || lines(&log).contains(&"stop db".to_owned()));
    let mut rest = String::new();
    program.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    assert!(rest.contains("app      | y\n"), "{rest}");
    program.ends();
}

#[test]
fn nothing_is_left_of_a_run_that_is_killed() {
    let mut program = Program::playing("logs");
    program.line("the logs are in /");
    program.signal(Signal::SIGKILL);
    program.ends();
}

#[test]
fn a_run_that_is_ended_at_any_moment_leaves_nothing() {
    let mut random = Random::new(seed());
    let end = Instant::now() + budget() / 3;
    while Instant::now() < end {
        let mut program = Program::playing("logs");
        thread::sleep(Duration::from_millis(random.below(100)));
        let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL];
        program.signal(signals[random.below(4) as usize]);
        program.ends();
        let [ready, stopped] = ["ready", "stop"]
            .map(|word| lines(&program.log).iter().filter(|line| line.starts_with(word)).count());
        assert!(stopped >= ready, "{:?}", lines(&program.log));
    }
}

#[test]
fn only_one_stack_of_a_program_is_in_the_foreground() {
    let mut program = Program::playing("twice");
    let line = program.line("refused: ");
    assert!(line.contains("another stack of this program runs in the foreground"), "{line}");
    program.line("is over: ok");
    assert!(program.ends().success());
}

#[test]
fn a_terminal_shows_colours_of_names_unless_the_user_wants_none() {
    if need("script").is_none() {
        return;
    }
    let printed = |no_colour: bool| {
        let mut program = Program::by("coloured", |command| {
            let inner = "exec \"$BINARY\" foreground::plays_a_role --exact --nocapture";
            let words = ["script", "-qec", inner, "/dev/null"];
            let binary = command.get_program().to_owned();
            let mut script = Command::new(words[0]);
            script.args(&words[1..]).env("BINARY", binary);
            for (name, value) in command.get_envs() {
                value.map(|value| script.env(name, value));
            }
            *command = script;
            if no_colour {
                command.env("NO_COLOR", "1");
            } else {
                command.env_remove("NO_COLOR");
            }
        });
        program.line("the logs are in /");
        let pids = processes_with_mark(&program.mark);
        let parent = |pid: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            stat.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
        };
        let supervisors = pids.iter().filter_map(parent);
        let launchers = supervisors.filter_map(|pid| parent(&(pid as i32)));
        let mut program_pid = launchers.filter_map(|pid| parent(&(pid as i32)));
        let script = program.child.id();
        let is_child = |pid: &u32| parent(&(*pid as i32)).is_some_and(|it| it == script);
        kill(program_pid.find(is_child).unwrap(), Signal::SIGINT);
        program.line("is over: ok");
        program.printed.join("\n")
    };
    let coloured = printed(false);
    assert!(coloured.contains("\x1b[36mdb       |\x1b[0m red"), "{coloured:?}");
    let plain = printed(true);
    assert!(!plain.contains("\x1b[") && plain.contains("db       | red"), "{plain:?}");
}

#[test]
fn a_member_that_runs_already_is_in_the_table() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut program = Program::by("runs already", |command| {
        command.env("RUNS", &address);
    });
    let row = program.line(&address);
    assert!(row.ends_with(&format!("the server at {address} that `external` names\n")), "{row}");
    program.line("the logs are in");
    program.line("Ctrl-C stops all of them");
    program.signal(Signal::SIGINT);
    assert!(program.ends().success());
}

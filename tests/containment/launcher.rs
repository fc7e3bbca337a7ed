//! The launcher: supervisors that it forks are like ones that the test process starts itself. The test
//! process changes here, so each test has one of its own.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mirakuru_rstest::{Executor, Process};
use mirakuru_tests::starting::{StartSoon, kill_supervisor, mark, marked};
use mirakuru_tests::test_process::{self, TestProcess, kill, playing, say, wait_for_end_of_input};
use mirakuru_tests::{alive, eventually, name_of, scratch_dir, this_test};
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

const LONG: Duration = Duration::from_secs(20);

fn parent_of(pid: u32) -> u32 {
    mirakuru_tests::parent_of(pid).unwrap()
}

fn sleeping() -> Process {
    Executor::new("sleep 300").start().unwrap()
}

fn launcher_of(process: &Process) -> u32 {
    parent_of(parent_of(process.pid()))
}

/// Runs a test in a process of its own. In that process, returns true.
fn is_alone(test: &str) -> bool {
    if test_process::role().is_some() {
        return true;
    }
    let output = playing(test, "alone").output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
    false
}

#[test]
fn one_launcher_forks_all_supervisors() {
    if is_alone(this_test!()) {
        let processes = [sleeping(), sleeping(), sleeping()];
        let launchers = processes.each_ref().map(launcher_of);
        assert_eq!(launchers, [launchers[0]; 3]);
        assert_eq!(parent_of(launchers[0]), std::process::id());
    }
}

#[test]
fn a_launcher_that_was_killed_is_replaced_and_takes_no_server_along() {
    if is_alone(this_test!()) {
        let earlier = sleeping();
        let launcher = launcher_of(&earlier);
        kill(launcher, Signal::SIGKILL);
        let later = sleeping();
        assert_ne!(launcher_of(&later), launcher);
        assert!(earlier.is_running() && later.is_running());
    }
}

#[test]
fn a_supervisor_of_a_killed_launcher_is_noticed_when_it_is_killed() {
    if is_alone(this_test!()) {
        let mut process = sleeping();
        kill(launcher_of(&process), Signal::SIGKILL);
        kill_supervisor(&process);
        eventually(LONG, || !process.is_running());
        process.restart().unwrap();
        assert!(process.is_running());
    }
}

/// Waits, as a fork of this process does that has all its sockets.
fn wait_beside_a_fork() {
    // SAFETY: the child makes system calls and ends.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        wait_for_end_of_input();
        // SAFETY: it only ends the process.
        unsafe { nix::libc::_exit(0) };
    }
    wait_for_end_of_input();
}

/// Kills a test process that forks, and waits for the end of the process that it has named.
fn expect_end_with_killed_tests(test: &str, name: &str) {
    let mut tests = TestProcess::playing(test, "forks");
    let pid = tests.number(name);
    kill(tests.pid(), Signal::SIGKILL);
    eventually(LONG, || !alive(pid));
    tests.finish();
}

#[test]
fn the_launcher_ends_with_the_test_process_even_if_a_fork_lives_on() {
    if test_process::role().is_some() {
        let process = sleeping();
        say(format_args!("launcher {}", launcher_of(&process)));
        return wait_beside_a_fork();
    }
    expect_end_with_killed_tests(this_test!(), "launcher ");
}

#[test]
fn no_launcher_is_left_when_the_test_process_has_ended() {
    if test_process::role().is_some() {
        return say(format_args!("launcher {}", launcher_of(&sleeping())));
    }
    let mut tests = TestProcess::playing(this_test!(), "ends");
    let launcher = tests.number("launcher ");
    tests.finish();
    assert!(!alive(launcher));
}

/// Traces a supervisor that `end` ends. It is held at the beginning of its exit, until it is released.
fn hold_at_exit(supervisor: Pid, end: impl FnOnce()) {
    ptrace::seize(supervisor, Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_EXITKILL).unwrap();
    end();
    loop {
        let signal = match waitpid(supervisor, None).unwrap() {
            WaitStatus::PtraceEvent(.., libc::PTRACE_EVENT_EXIT) => break,
            WaitStatus::Stopped(_, signal) => Some(signal),
            _ => None, // It was continued.
        };
        ptrace::cont(supervisor, signal).unwrap();
    }
}

#[test]
fn a_supervisor_shows_the_command_of_its_server() {
    let process = sleeping();
    let cmdline = format!("/proc/{}/cmdline", parent_of(process.pid()));
    let shown = || fs::read_to_string(&cmdline).unwrap().replace('\0', " ");
    eventually(LONG, || shown().trim_end() == "mirakuru-supervisor sleep 300");
}

#[test]
fn a_supervisor_that_exits_shows_the_command_of_its_server_no_longer() {
    let mark = mark();
    let process = Executor::shell(format!("sleep 300 && true # {mark}")).start_soon();
    let supervisor = parent_of(process.pid());
    eventually(LONG, || marked(&mark).contains(&supervisor));
    thread::scope(|scope| {
        let pid = Pid::from_raw(supervisor as i32);
        hold_at_exit(pid, || drop(scope.spawn(|| drop(process))));
        let left = marked(&mark);
        ptrace::detach(pid, None).unwrap();
        assert_eq!(left, []);
    });
}

#[test]
fn the_exit_of_a_supervisor_is_not_waited_for_by_a_drop_but_by_the_end_of_the_tests() {
    if test_process::role().is_some() {
        let process = sleeping();
        say(format_args!("supervisor {}", parent_of(process.pid())));
        wait_for_end_of_input();
        drop(process);
        return say("dropped");
    }
    let mut tests = TestProcess::playing(this_test!(), "drops");
    let supervisor = Pid::from_raw(tests.number("supervisor ") as i32);
    hold_at_exit(supervisor, || tests.go_on());
    tests.line("dropped");
    thread::scope(|scope| {
        let (ended, end) = mpsc::channel();
        scope.spawn(move || ended.send(tests.wait()));
        let waits = end.recv_timeout(Duration::from_millis(300)).is_err();
        ptrace::detach(supervisor, None).unwrap();
        assert!(waits, "the tests have ended before their supervisor");
        assert!(end.recv_timeout(LONG).unwrap().success());
    });
    assert!(!alive(supervisor.as_raw() as u32));
}

/// Returns what a server prints that starts now.
fn printed(script: &str) -> String {
    let process = Executor::shell(format!("{script}; echo end; exec sleep 300")).output("^end$");
    let log = process.start().unwrap().log().read().unwrap();
    log.strip_suffix("end\n").unwrap().trim().to_owned()
}

#[test]
fn a_later_server_inherits_what_the_test_process_has_then() {
    if is_alone(this_test!()) {
        let launcher = launcher_of(&sleeping());
        assert_eq!(launcher_of(&sleeping()), launcher);
        // SAFETY: no other thread of this process reads the environment now.
        unsafe { env::set_var("LATER", "yes") };
        let dir = scratch_dir();
        env::set_current_dir(&*dir).unwrap();
        assert_eq!(printed("echo $LATER; pwd -P"), format!("yes\n{}", dir.display()));

        umask(Mode::from_bits_truncate(0o027));
        assert_eq!(printed("umask"), "0027");
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 500, hard).unwrap();
        assert_eq!(printed("ulimit -n"), "500");
        fs::write("/proc/self/oom_score_adj", "7").unwrap();
        assert_eq!(printed("cat /proc/$$/oom_score_adj"), "7");
        let nice: i32 = printed("nice").parse().unwrap();
        // SAFETY: it changes the nice value of this thread.
        assert_eq!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice + 1) }, 0);
        assert_eq!(printed("nice"), (nice + 1).to_string());
        // SAFETY: it changes what `uname` says to this process and to what it executes. Containers allow it.
        assert!(unsafe { libc::personality(libc::UNAME26 as _) } >= 0);
        assert_eq!(printed("cat /proc/$$/personality"), "00020000");
        assert_ne!(launcher_of(&sleeping()), launcher);
    }
}

#[test]
fn a_later_server_is_in_the_time_namespace_that_the_test_has_then() {
    if is_alone(this_test!()) {
        let _earlier = sleeping();
        // SAFETY: it changes what later children of this thread get.
        if unsafe { libc::unshare(libc::CLONE_NEWTIME) } != 0 {
            return println!("skipped: this user cannot make a time namespace");
        }
        let own = fs::read_link("/proc/thread-self/ns/time_for_children").unwrap();
        assert_eq!(printed("readlink /proc/$$/ns/time"), own.to_str().unwrap());
    }
}

#[test]
fn a_variable_with_an_odd_name_reaches_the_server() {
    if test_process::role().is_some() {
        let script = "tr '\\0' '\\n' </proc/$$/environ | grep ^=odd";
        return assert_eq!(printed(script), "=odd=value");
    }
    let output = playing(this_test!(), "alone").env("=odd", "value").output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
}

/// Starts two processes, and returns the supervisor that was forked for a third one.
fn spare() -> u32 {
    let earlier = [sleeping(), sleeping()];
    let launcher = launcher_of(&earlier[1]);
    let list = format!("/proc/{launcher}/task/{launcher}/children");
    let mut spare = None;
    eventually(LONG, || {
        let children = fs::read_to_string(&list).unwrap();
        let mut children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        spare = children.find(|pid| name_of(pid) == "mirakuru-spare");
        spare.is_some()
    });
    spare.unwrap()
}

#[test]
fn the_supervisor_of_a_later_start_is_forked_in_advance() {
    if is_alone(this_test!()) {
        let supervisor = spare();
        assert_eq!(parent_of(sleeping().pid()), supervisor);
    }
}

#[test]
fn a_supervisor_that_was_killed_before_its_start_is_replaced() {
    if is_alone(this_test!()) {
        let killed = spare();
        kill(killed, Signal::SIGKILL);
        eventually(LONG, || !alive(killed));
        assert_ne!(parent_of(sleeping().pid()), killed);
    }
}

#[test]
fn a_supervisor_that_has_inherited_something_else_is_not_used() {
    if is_alone(this_test!()) {
        let unused = spare();
        umask(Mode::from_bits_truncate(0o027));
        let later = Executor::shell("umask; exec sleep 300").output("0027").start().unwrap();
        assert_ne!(parent_of(later.pid()), unused);
        eventually(LONG, || !alive(unused));
    }
}

#[test]
fn an_unused_supervisor_ends_with_the_test_process_even_if_a_fork_lives_on() {
    if test_process::role().is_some() {
        say(format_args!("spare {}", spare()));
        return wait_beside_a_fork();
    }
    expect_end_with_killed_tests(this_test!(), "spare ");
}

#[test]
fn no_unused_supervisor_is_left_when_the_test_process_has_ended() {
    if test_process::role().is_some() {
        return say(format_args!("spare {}", spare()));
    }
    let mut tests = TestProcess::playing(this_test!(), "ends");
    let spare = tests.number("spare ");
    tests.finish();
    assert!(!alive(spare));
}

#[test]
fn no_unused_supervisor_is_left_even_if_it_was_paused() {
    if test_process::role().is_some() {
        let spare = spare();
        kill(spare, Signal::SIGSTOP);
        return say(format_args!("spare {spare}"));
    }
    let mut tests = TestProcess::playing(this_test!(), "ends");
    let spare = tests.number("spare ");
    tests.finish();
    assert!(!alive(spare));
}

/// Returns the sockets that a process has open.
fn sockets_of(pid: u32) -> BTreeSet<PathBuf> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = fds.filter_map(|fd| fs::read_link(fd.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).collect()
}

fn sockets() -> usize {
    sockets_of(process::id()).len()
}

#[test]
fn a_supervisor_has_all_ports_and_the_directory_of_the_test_process() {
    if is_alone(this_test!()) {
        let spare = spare();
        for supervisor in [Some(spare), None] {
            let before = sockets_of(process::id());
            // More than one message has room for.
            let server = Executor::new("sleep 300 {port:a} {port:b} {port:c} {port:d}").start();
            let server = server.unwrap();
            let pid = parent_of(server.pid());
            assert!(supervisor.is_none_or(|spare| spare == pid));
            let own = &sockets_of(process::id()) - &before;
            let ports = &own & &sockets_of(pid);
            assert!([4, 8].contains(&ports.len()), "of IPv4 alone, or IPv6, too: {ports:?}");
            let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
            assert_eq!(directory, env::current_dir().unwrap());
        }
    }
}

#[test]
fn a_launcher_that_is_killed_during_a_start_is_replaced_even_if_the_tests_reap_it() {
    if is_alone(this_test!()) {
        // SAFETY: ignoring a signal installs no handler.
        unsafe { nix::libc::signal(nix::libc::SIGCHLD, nix::libc::SIG_IGN) };
        let earlier = sleeping();
        let launcher = launcher_of(&earlier);
        kill(launcher, Signal::SIGSTOP);
        let before = sockets();
        let later = thread::spawn(sleeping);
        // Its end of the control socket is left when the other one is on the way.
        eventually(LONG, || sockets() == before + 1);
        kill(launcher, Signal::SIGKILL);
        assert!(later.join().unwrap().is_running());
    }
}

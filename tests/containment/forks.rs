//! A fork of the test process: what it drops and how it ends does not end the server.

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::alive;
#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::test_process::TestProcess;
use mirakuru_tests::test_process::{self, say, wait_for_end_of_input};
#[cfg(not(mirakuru_fallback))]
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use crate::test_end;

/// Plays a role for another test: a process with one thread that forks.
#[test]
fn plays_a_role() {
    let Some(end) = test_process::role() else { return };
    let server = Executor::new("sleep 300").start().unwrap();
    let pid = server.pid();
    // SAFETY: no other thread uses the library, so no lock that the child takes can be held.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child if end == "exits" => std::process::exit(0),
        ForkResult::Child if end == "is killed" => {
            // It has copies of all descriptors of its parent, and outlives it.
            say(format_args!("server {pid}"));
            wait_for_end_of_input();
            std::process::abort();
        }
        ForkResult::Parent { .. } if end == "is killed" => loop {
            std::thread::park();
        },
        ForkResult::Child => {
            drop(server);
            std::process::abort();
        }
        ForkResult::Parent { child } => drop(waitpid(child, None).unwrap()),
    }
    assert!(server.is_running() && alive(pid), "the end of a fork has ended the server");
    drop(server);
    assert!(!alive(pid));
    println!("the server outlived the fork");
}

#[test]
fn the_end_of_a_fork_is_not_the_end_of_the_server() {
    let temp = mirakuru_tests::scratch_dir();
    for end in ["exits", "drops it"] {
        let output = test_end::playing("forks::plays_a_role", end, "", &temp).output().unwrap();
        let printed = test_process::printed(&output);
        assert!(printed.contains("the server outlived the fork"), "{end}: {printed}");
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_fork_that_outlives_a_killed_test_does_not_keep_the_server() {
    let temp = mirakuru_tests::scratch_dir();
    let mut tests =
        TestProcess::start(&mut test_end::playing("forks::plays_a_role", "is killed", "", &temp));
    let pid = tests.number("server ");
    tests.signal(Signal::SIGKILL);
    mirakuru_tests::eventually(std::time::Duration::from_secs(20), || !alive(pid));
    tests.go_on();
}

#[test]
fn a_leak_check_names_what_is_left() {
    let mut server = Executor::new("sleep 301").start().unwrap();
    let error = server.leak_check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Leak);
    if !cfg!(mirakuru_fallback) {
        assert!(error.to_string().contains("sleep 301"), "{error}");
    }
    server.stop().unwrap();
    server.leak_check().unwrap();
}

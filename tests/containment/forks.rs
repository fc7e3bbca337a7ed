//! A copy of the test process that a `fork` made: what it drops and how it ends is not the end of
//! the server.

use std::io::{BufRead, BufReader, Read};

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::alive;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use crate::part;

/// Not a test of its own: a process with one thread that forks.
#[test]
fn plays() {
    let Some([end, _, _]) = part::values() else { return };
    let server = Executor::new("sleep 300").start().unwrap();
    let pid = server.pid();
    // SAFETY: the child uses locks that no other thread can hold, because none uses the library.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child if end == "exits" => std::process::exit(0),
        ForkResult::Child if end == "is killed" => {
            // It has a copy of all that its parent has open, and outlives it.
            println!("\nserver {pid}");
            drop(std::io::stdin().read_to_end(&mut Vec::new()));
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
        let mut command = part::Part::command("forks::plays", [end, "", ""], &temp);
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stdout.contains("the server outlived the fork"), "{end}: {stdout}\n{stderr}");
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_fork_that_outlives_a_killed_test_does_not_keep_the_server() {
    let temp = mirakuru_tests::scratch_dir();
    let mut child =
        part::Part::command("forks::plays", ["is killed", "", ""], &temp).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let pid: i32 =
        lines.into_iter().find_map(|line| line.strip_prefix("server ")?.parse().ok()).unwrap();
    let stdin = child.stdin.take();
    child.kill().unwrap();
    child.wait().unwrap();
    mirakuru_tests::eventually(std::time::Duration::from_secs(20), || !alive(pid));
    drop(stdin);
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

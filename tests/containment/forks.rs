//! A copy of the test process that a `fork` made: what it drops and how it ends is not the end of
//! the server.

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
        ForkResult::Child => {
            drop(server);
            std::process::abort();
        }
        ForkResult::Parent { child } => drop(waitpid(child, None).unwrap()),
    }
    assert!(server.running() && alive(pid), "the end of a fork has ended the server");
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

#[test]
fn a_leak_check_names_what_is_left() {
    let mut server = Executor::new("sleep 301").start().unwrap();
    let error = server.leak_check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Leak);
    if !cfg!(mirakuru_portable) {
        assert!(error.to_string().contains("sleep 301"), "{error}");
    }
    server.stop().unwrap();
    server.leak_check().unwrap();
}

//! Processes that this user may not signal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use mirakuru_core::{Executor, Process, Signal};
use mirakuru_tests::starting::{LONG, StartSoon, soon};
use mirakuru_tests::test_process::{ROLE, kill, playing, printed, role, say, value};
use mirakuru_tests::{need, scratch_dir, this_test};
use nix::sys::signal::SIGKILL;

/// Returns a set-user-ID program of root that becomes root and runs a command.
fn becomes_root(dir: &Path) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can make a program that becomes root");
        return None;
    }
    let setpriv = need("setpriv")?;
    let program = dir.join("becomes-root");
    fs::copy(setpriv, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
    Some(program.display().to_string())
}

/// Starts a server that has become root.
fn server() -> Process {
    let words = [value("PROGRAM"), "--reuid=0".to_owned(), "sh".to_owned(), "-c".to_owned()];
    let server = Executor::new(words).arg("echo ready; exec sleep 300").name("of-root");
    server.output("^ready$").stop_timeout(LONG).start_soon()
}

#[test]
fn a_process_that_cannot_be_signalled_is_named_with_its_user_at_once() {
    if role().is_some() {
        let mut server = server();
        say(format!("pid {}", server.pid()));
        let errors = [
            soon(|| server.signal(Signal::HUP)).unwrap_err(),
            soon(|| server.pause()).unwrap_err(),
            soon(|| server.stop()).unwrap_err(),
            soon(|| server.kill()).unwrap_err(),
        ];
        errors.iter().for_each(say);
        soon(|| drop(server));
        return say("its supervisor has ended");
    }
    let dir = scratch_dir();
    let Some(program) = becomes_root(&dir) else { return };
    let test = playing(this_test!(), "is not root");
    let mut unprivileged = Command::new("setpriv");
    unprivileged
        .args(["--reuid=65534", "--clear-groups"])
        .arg(test.get_program())
        .args(test.get_args());
    unprivileged
        .env(ROLE, "is not root")
        .env("PROGRAM", program)
        .env("TMPDIR", &*dir)
        .current_dir("/");
    let printed = printed(&unprivileged.output().unwrap());
    let pid = printed.lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
    kill(pid.unwrap_or_else(|| panic!("no server: {printed}")), SIGKILL);
    let refusal = "belongs to the user `root` and cannot be signalled";
    // Four errors, and the line of the drop.
    assert_eq!(printed.matches(refusal).count(), 5, "{printed}");
    assert!(printed.contains("mirakuru: of-root is left running: pid "), "{printed}");
    assert!(printed.contains("its supervisor has ended"), "{printed}");
}

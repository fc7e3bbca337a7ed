//! Processes that join a server that another one has started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use mirakuru_rstest::{Executor, Scope, Shared};
use mirakuru_tests::test_process::{self, playing, printed, say};
use mirakuru_tests::{bin, scratch_dir};

static SERVER: Shared = Shared::new(by_its_name).scope(Scope::Session);

fn by_its_name() -> Executor {
    Executor::new("only-the-starter-finds-it").output("ready")
}

/// Plays a test process that leases the server.
#[test]
fn plays_a_role() {
    let Some(_) = test_process::role() else { return };
    match SERVER.lease() {
        Ok(lease) => say(format!("leased pid {}", lease.pid())),
        Err(error) => say(format!("{error:?}")),
    }
}

#[test]
fn who_joins_a_server_does_not_look_for_its_program() {
    let temp = scratch_dir();
    let program = temp.join("only-the-starter-finds-it");
    fs::write(&program, "#!/bin/sh\necho ready; exec sleep 300\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(bin!("mk-cat"));
    let mut runner = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let path = std::env::var("PATH").unwrap();
    let starter_path = format!("{}:{path}", temp.display());
    let lease = |path: &str| {
        let mut test = playing("joins::plays_a_role", "leases");
        test.env("MIRAKURU_SESSION", runner.id().to_string())
            .env("PATH", path)
            .env("TMPDIR", &*temp);
        let printed = printed(&test.output().unwrap());
        let leased = printed.lines().find(|line| line.starts_with("leased pid "));
        leased.unwrap_or_else(|| panic!("{printed}")).to_owned()
    };
    assert_eq!(lease(&starter_path), lease(&path));
    runner.wait().unwrap(); // This closes its standard input.
}

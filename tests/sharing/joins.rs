//! Processes that join a server that another one has started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use mirakuru_rstest::{Executor, Scope, Shared};
use mirakuru_tests::test_process::{self, playing, printed, say};
use mirakuru_tests::{bin, eventually, scratch_dir};

use crate::run::{LONG, Run, all_passed, run_all, session_directories};

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

#[cfg(not(mirakuru_fallback))]
#[test]
fn what_stands_in_the_place_of_the_session_s_directory_is_left_alone() {
    let mut run = Run::new();
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    let socket = session_directories(&run.temp).iter().find_map(|dir| {
        let mut files = fs::read_dir(dir).unwrap().flatten().map(|file| file.path());
        files.find(|file| file.extension().is_some_and(|extension| extension == "sock"))
    });
    let socket = socket.unwrap();
    let (place, moved) = (socket.parent().unwrap(), run.temp.join("moved"));
    fs::rename(place, &moved).unwrap();
    fs::create_dir(place).unwrap();
    fs::write(&socket, "of another").unwrap();
    run.kill_runner();
    eventually(LONG, || run.processes().is_empty());
    assert_eq!(fs::read_to_string(&socket).unwrap(), "of another");
    let left = fs::read_dir(moved).unwrap().flatten().map(|file| file.path());
    let left: Vec<_> = left.filter(|path| path.file_name() == socket.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

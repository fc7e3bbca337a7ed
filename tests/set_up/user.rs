//! Processes that run as another user.

use std::fs;
use std::os::unix::fs::MetadataExt;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::starting::{
    LONG, StartSoon, fails, kill_supervisor, mark, nothing_left, reports, soon,
};
use mirakuru_tests::test_process::{playing, printed, role, run_by, say};
use mirakuru_tests::{as_other_user, bin, this_test};
use nix::unistd::{Uid, User};

/// The user whom [`as_other_user`] runs programs as. It owns nothing.
fn other_user() -> User {
    User::from_uid(Uid::from_raw(65534)).unwrap().unwrap()
}

/// Returns the user, if this one can run a process as that.
fn as_root() -> Option<User> {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("skipped: only root can run a process as another user");
    }
    is_root.then(other_user)
}

#[test]
fn the_process_its_commands_and_its_files_belong_to_the_user() {
    let Some(user) = as_root() else { return };
    let script =
        "id -un; echo $HOME $USER $LOGNAME; id -G; cat {dir}/conf/key; echo up; exec sleep 300";
    let server = Executor::shell(script).user(&user.name).file("{dir}/conf/key", "secret\n");
    let server = server.before_start(["sh", "-c", "id -un > {dir}/before"]);
    let server = server.after_ready(["sh", "-c", "id -un > {dir}/after"]).output("up");
    let process = server.start_soon();
    let (name, home, group) = (&user.name, user.dir.display(), user.gid);
    let expected = format!("{name}\n{home} {name} {name}\n{group}\nsecret\nup\n");
    assert_eq!(process.log().read().unwrap(), expected);
    let dir = process.dir();
    for step in ["before", "after"] {
        assert_eq!(fs::read_to_string(dir.join(step)).unwrap(), format!("{name}\n"));
    }
    for path in ["", "conf", "conf/key"] {
        let meta = fs::metadata(dir.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (user.uid.as_raw(), group.as_raw()), "{path}");
    }
}

#[test]
fn a_command_that_checks_the_process_runs_as_the_user() {
    let Some(user) = as_root() else { return };
    let check = format!("test $(id -un) = {}", user.name);
    let check = ["sh", "-c", &check];
    Executor::new("sleep 300").user(&user.name).ready_command(check).timeout(LONG).start_soon();
}

#[test]
fn a_server_of_another_user_announces_itself() {
    let Some(user) = as_root() else { return };
    if as_other_user(bin!("mk-notify")).is_none() {
        return;
    }
    let server = Executor::new([bin!("mk-notify"), "READY=1"]).user(&user.name);
    server.notify().timeout(LONG).start_soon();
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn nothing_is_left_of_a_server_of_another_user() {
    let Some(user) = as_root() else { return };
    let mark = mark();
    let server =
        Executor::shell(format!("setsid sleep 300 & sleep 300; : {mark}")).user(&user.name);
    let mut process = server.file("{dir}/a", "text").start_soon();
    let dir = process.dir().to_owned();
    soon(|| process.restart()).unwrap();
    kill_supervisor(&process);
    soon(|| process.restart()).unwrap();
    assert!(dir.join("a").exists());
    soon(|| process.stop()).unwrap();
    drop(process);
    nothing_left(&mark);
    assert!(!dir.exists());
}

#[test]
fn a_user_that_does_not_exist_is_named() {
    let server = Executor::new("sleep 300").user("no-such-user");
    reports(&fails(&server, ErrorKind::NotFound), &["there is no user `no-such-user`"]);
}

#[test]
fn only_root_runs_a_process_as_another_user() {
    if role().is_some() {
        let error = fails(&Executor::new("sleep 300").user("root"), ErrorKind::PermissionDenied);
        say(error);
        Executor::new("sleep 300").user(other_user().name).start_soon();
        return say("its own name is accepted");
    }
    let test = playing(this_test!(), "is not root");
    let Some(words) = as_other_user(&test.get_program().to_string_lossy()) else { return };
    let output = run_by(words, &test).env("TMPDIR", "/tmp").output().unwrap();
    let printed = printed(&output);
    assert!(printed.contains("only root can run a process as the user `root`"), "{printed}");
    assert!(printed.contains("its own name is accepted"), "{printed}");
}

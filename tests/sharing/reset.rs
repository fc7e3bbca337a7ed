//! What a test has changed in a shared server is undone, or the next test gets another server.

use std::fs;
use std::thread;

use mirakuru_core::{ErrorKind, Executor, Shared};
use mirakuru_tests::starting::soon;
use mirakuru_tests::test_process::{printed, printing, role, say};
use mirakuru_tests::{eventually, this_test};

use crate::run::{LONG, Run, all_passed, run_all};

fn sleeps(reset: &str) -> Executor {
    Executor::new("sleep 300").reset(["sh", "-c", reset])
}

#[test]
fn a_change_is_undone_before_the_next_lease() {
    static SERVER: Shared = Shared::new(|| sleeps("sleep 0.2; rm {dir}/changed"));
    let server = SERVER.exclusive().unwrap();
    let pid = server.pid();
    fs::write(server.dir().join("changed"), "").unwrap();
    thread::scope(|scope| {
        let next = scope.spawn(|| {
            let server = SERVER.lease().unwrap();
            assert!(!server.dir().join("changed").exists());
            assert_eq!(server.pid(), pid);
        });
        drop(server);
        next.join().unwrap();
    });
}

#[test]
fn a_paused_server_is_resumed_before_its_reset() {
    static SERVER: Shared = Shared::new(|| sleeps("kill -0 $(cat {dir}/pid)").before_start(COUNT));
    const COUNT: [&str; 3] = ["sh", "-c", "echo $$ > {dir}/pid"];
    let mut server = SERVER.exclusive().unwrap();
    fs::write(server.dir().join("pid"), server.pid().to_string()).unwrap();
    let pid = server.pid();
    server.pause().unwrap();
    drop(server);
    assert_eq!(SERVER.lease().unwrap().pid(), pid);
}

#[test]
fn a_server_that_is_marked_as_dirty_is_replaced_with_all_steps() {
    fn server() -> Executor {
        let steps = ["sh", "-c", "echo step >> {dir}/steps"];
        let server = Executor::new("sleep 300").template(steps).before_start(steps);
        server.after_ready(steps).reset("false")
    }
    static SERVER: Shared = Shared::new(server);
    let steps = |server: &mirakuru_core::Process| {
        fs::read_to_string(server.dir().join("steps")).unwrap().lines().count()
    };
    let mut server = SERVER.exclusive().unwrap();
    let (pid, dir) = (server.pid(), server.dir().to_owned());
    fs::write(dir.join("steps"), "").unwrap();
    server.mark_dirty();
    drop(server);
    let server = SERVER.lease().unwrap();
    // Another test process would find the supervisor of the old one still stopping it.
    eventually(LONG, || !dir.exists());
    assert_ne!(server.pid(), pid);
    assert_eq!(steps(&server), 3);
}

#[test]
fn a_reset_that_fails_gives_the_next_test_another_server_and_says_so() {
    static SERVER: Shared = Shared::new(|| sleeps("echo why; exit 3").name("server"));
    if role().is_some() {
        let pid = SERVER.exclusive().unwrap().pid();
        assert_ne!(SERVER.lease().unwrap().pid(), pid);
        return say("another one");
    }
    let mut test = printing(this_test!());
    let printed =
        printed(&test.env(mirakuru_tests::test_process::ROLE, "resets").output().unwrap());
    let line = "server could not be reset, so the next test gets a new one: server: reset failed: \
        `sh -c 'echo why; exit 3'` exited with code 3";
    assert!(printed.contains(line) && printed.contains("another one"), "{printed}");
}

#[test]
fn a_server_that_is_left_stopped_or_has_died_is_replaced() {
    static SERVER: Shared = Shared::new(|| sleeps(": {dir}"));
    let mut server = SERVER.exclusive().unwrap();
    let dir = server.dir().to_owned();
    soon(|| server.stop()).unwrap();
    drop(server);
    let mut server = SERVER.exclusive().unwrap();
    assert_ne!(server.dir(), dir);
    let dir = server.dir().to_owned();
    server.kill().unwrap();
    drop(server);
    assert_ne!(SERVER.lease().unwrap().dir(), dir);
}

#[test]
fn a_reset_has_a_time_limit() {
    static SERVER: Shared =
        Shared::new(|| sleeps("sleep 300").timeout(std::time::Duration::from_secs(1)));
    let server = SERVER.exclusive().unwrap();
    let pid = server.pid();
    soon(|| drop(server));
    assert_ne!(SERVER.lease().unwrap().pid(), pid);
}

#[test]
fn an_empty_reset_is_an_error_of_the_start() {
    static SERVER: Shared = Shared::new(|| Executor::new("sleep 300").reset(""));
    assert_eq!(SERVER.lease().unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Plays roles one after the other in one session.
#[track_caller]
fn one_after_the_other(run: &Run, roles: &[&str]) {
    roles.iter().for_each(|role| all_passed(&run_all(vec![run.test(role)], 1)));
}

/// Returns the servers that tests have seen.
fn seen(run: &Run) -> Vec<String> {
    let servers = run.events().into_iter().filter(|event| event.starts_with("has "));
    servers.map(|event| event.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn a_change_is_undone_in_a_session() {
    let run = Run::new();
    one_after_the_other(&run, &["sees no change", "changes it", "sees no change"]);
    let servers = seen(&run);
    assert_eq!(servers[0], servers[1]);
    assert_eq!(run.starts(), 1);
    run.finish();
}

#[test]
fn a_server_that_nothing_has_undone_is_replaced_in_a_session() {
    for role in ["changes it and is killed", "marks it as dirty", "leaves it stopped"] {
        let run = Run::new();
        one_after_the_other(&run, &["sees no change"]);
        run_all(vec![run.test(role)], 1);
        one_after_the_other(&run, &["sees no change"]);
        let servers = seen(&run);
        assert_ne!(servers[0], servers[1], "{role}");
        assert_eq!(run.starts(), 2, "{role}");
        run.finish();
    }
}

#[test]
fn a_reset_that_fails_replaces_the_server_in_a_session() {
    let run = Run::new();
    let sees = "sees no change of the other";
    one_after_the_other(&run, &[sees, "changes it for good", sees, sees]);
    let servers = seen(&run);
    assert_ne!(servers[0], servers[1]);
    assert_eq!(servers[1], servers[2]);
    run.finish();
}

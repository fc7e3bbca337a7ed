//! Constructors of the user, which run before `main`.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use mirakuru_rstest::Executor;

static RAN: AtomicUsize = AtomicUsize::new(0);

#[ctor::ctor(unsafe)]
fn of_the_user() {
    run();
}

#[ctor::ctor(unsafe, priority = early)]
fn early_one_of_the_user() {
    run();
}

#[ctor::ctor(unsafe, naked)]
fn naked_one_of_the_user() {
    run();
}

fn run() {
    RAN.fetch_add(1, Ordering::Relaxed);
    let is_supervisor = |(name, _): (std::ffi::OsString, _)| {
        name.to_string_lossy().starts_with("MIRAKURU_SUPERVISOR")
    };
    if env::vars_os().any(is_supervisor) {
        println!("a constructor runs in a supervisor");
    }
}

#[test]
fn the_constructors_of_the_user_do_not_run_in_supervisors() {
    assert_eq!(RAN.load(Ordering::Relaxed), 3);
    let server = Executor::shell("echo ready; exec sleep 300").output("ready").start().unwrap();
    assert_eq!(server.log().read().unwrap(), "ready\n");
}

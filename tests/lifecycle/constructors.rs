//! Constructors of the user, which run before `main`.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use mirakuru_rstest::Executor;
#[cfg(not(any(mirakuru_fallback, target_feature = "crt-static")))]
use mirakuru_tests::test_process::{self, playing};
#[cfg(not(any(mirakuru_fallback, target_feature = "crt-static")))]
use mirakuru_tests::{need, scratch_dir};

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

/// Returns a variable that makes a process a supervisor, with a value that one has.
#[cfg(not(mirakuru_fallback))]
fn variable_of_a_supervisor() -> (String, String) {
    let server = Executor::shell("exec sleep 300").start().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let supervisor = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
    let environment = std::fs::read(format!("/proc/{supervisor}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    let mut variables = environment.split('\0').filter_map(|variable| variable.split_once('='));
    let (name, value) =
        variables.find(|(name, _)| name.starts_with("MIRAKURU_SUPERVISOR")).unwrap();
    (name.to_owned(), value.to_owned())
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_user_who_sets_the_variable_of_supervisors_gets_a_line_and_an_exit_code() {
    let (name, value) = variable_of_a_supervisor();
    for value in [value.as_str(), "1", ""] {
        let mut command = std::process::Command::new(env::current_exe().unwrap());
        let output = command.arg("--list").env(&name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(70), "{value}: {output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(&format!("mirakuru: {name} is set")), "{value}: {stderr}");
    }
}

#[test]
fn the_constructors_of_the_user_do_not_run_in_supervisors() {
    assert_eq!(RAN.load(Ordering::Relaxed), 3);
    let server = Executor::shell("echo ready; exec sleep 300").output("ready").start().unwrap();
    assert_eq!(server.log().read().unwrap(), "ready\n");
}

/// Prints the log of a server, in one line.
#[cfg(not(any(mirakuru_fallback, target_feature = "crt-static")))]
#[test]
fn plays_a_server_below_a_preloaded_library() {
    if test_process::role().is_some() {
        let server = Executor::shell("echo ready; exec sleep 300").env_remove("LD_PRELOAD");
        let server = server.output("ready").start().unwrap();
        println!("log: {:?}", server.log().read().unwrap());
    }
}

#[cfg(not(any(mirakuru_fallback, target_feature = "crt-static")))]
#[test]
fn a_line_of_a_preloaded_library_is_no_output_of_the_server() {
    let Some(compiler) = need("cc") else { return };
    let dir = scratch_dir();
    let (source, library) = (dir.join("preloaded.c"), dir.join("preloaded.so"));
    let code = r#"
        #include <unistd.h>
        __attribute__((constructor)) void begin(void) {
            if (write(1, "preloaded, ready\n", 17) + write(2, "preloaded, ready\n", 17) < 0) _exit(1);
        }"#;
    std::fs::write(&source, code).unwrap();
    let mut compile = std::process::Command::new(compiler);
    compile.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    assert!(compile.status().unwrap().success());
    let mut test = playing("constructors::plays_a_server_below_a_preloaded_library", "starts");
    let printed = test_process::printed(&test.env("LD_PRELOAD", &library).output().unwrap());
    // The compiler may be that of another architecture.
    let lines = ["preloaded, ready\n", "cannot be preloaded"];
    assert!(lines.iter().any(|line| printed.contains(line)), "{printed}");
    assert!(printed.contains(r#"log: "ready\n""#), "{printed}");
}

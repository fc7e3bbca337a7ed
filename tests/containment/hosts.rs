//! Programs that are run by another one, such as valgrind, and kernels that refuse a call.

#[cfg(not(mirakuru_fallback))]
use std::fs;
use std::path::Path;
use std::process::Command;

use mirakuru_rstest::Executor;
#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::has;
use mirakuru_tests::test_process::{self, playing, run_by};
use mirakuru_tests::{alive, bin, need};
use rstest::rstest;

/// Plays a test with a server.
#[test]
fn plays_a_test_with_a_server() {
    let Some(role) = test_process::role() else { return };
    let executor = match role.as_str() {
        "listens" => Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}"),
        // It has none of our code in it, so it cannot become a supervisor itself.
        _ => Executor::shell("echo listening; exec sleep 300"),
    };
    let mut server = executor.output("listening").start().unwrap();
    let pid = server.pid();
    assert!(alive(pid));
    server.pause().unwrap();
    server.resume().unwrap();
    server.stop().unwrap();
    assert!(!alive(pid));
    println!("the server has run");
}

/// Runs the test with a server below these words.
#[track_caller]
fn runs_below(words: &[&Path], role: &str) {
    let test = playing("hosts::plays_a_test_with_a_server", role);
    let output = run_by(words, &test).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("the server has run"), "{words:?}: {printed}");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_program_below_valgrind_starts_servers() {
    if has("valgrind") {
        runs_below(&["valgrind".as_ref(), "--quiet".as_ref()], "prints");
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_program_that_the_loader_runs_starts_servers() {
    let directories = ["/lib64", "/lib"].into_iter().filter_map(|path| fs::read_dir(path).ok());
    let files = directories.flatten().flatten().map(|entry| entry.path());
    let mut loaders =
        files.filter(|path: &std::path::PathBuf| path.to_string_lossy().contains("/ld-linux"));
    let Some(loader) = loaders.next() else {
        return println!("skipped: there is no loader of glibc");
    };
    runs_below(&[&loader], "prints");
}

#[rstest]
#[case("netlink")]
#[case("inotify")]
#[case("pidfd")]
#[case("subreaper")]
#[case("netlink,inotify,pidfd,subreaper")]
fn a_kernel_that_refuses_calls_runs_servers(#[case] calls: &str) {
    runs_below(&[bin!("mk-refuse").as_ref(), calls.as_ref()], "listens");
}

#[test]
fn a_library_that_another_program_has_loaded_starts_nothing() {
    let Some(python) = need("python3") else { return };
    let own = std::env::current_exe().unwrap();
    let library = own.with_file_name("../examples/libmk_library.so");
    // Cargo does not build the examples if it is asked for this suite alone.
    let built = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    if built(&library) < built(&own).map(|time| time - std::time::Duration::from_secs(600)) {
        return println!("skipped: the examples are not built");
    }
    let script = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).mk_library_start()";
    let output = Command::new(python).args(["-c", script]).arg(&library).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("libmk_library.so`, and the program that has loaded it"), "{printed}");
}

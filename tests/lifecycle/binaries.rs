//! `{bin:name}`: the binaries that are found. The test process is a copy of this binary in a target
//! directory that the test has made.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

use mirakuru_rstest::Executor;
use mirakuru_tests::scratch_dir;
use mirakuru_tests::test_process::{self, playing, printed, run_by};
use rstest::rstest;

#[test]
fn plays_a_test_that_runs_a_binary() {
    if test_process::role().is_some() {
        match Executor::new("{bin:my-server} 300").start() {
            Ok(server) => println!("{} runs", server.name()),
            Err(error) => println!("{error:?}"),
        }
    }
}

/// Puts a program into a target directory, with a source that was changed after or before it was built.
fn build(target: &Path, path: &str, is_old: bool) {
    let binary = target.join("debug").join(path);
    fs::create_dir_all(binary.parent().unwrap()).unwrap();
    let _ = symlink("/bin/sleep", &binary); // It may be there.
    let source = target.join("the main.rs");
    let escaped = source.display().to_string().replace(' ', "\\ ");
    fs::write(binary.with_extension("d"), format!("{}: {escaped}\n", binary.display())).unwrap();
    let changed = if is_old { SystemTime::now() } else { SystemTime::UNIX_EPOCH };
    File::create(source).unwrap().set_modified(changed).unwrap();
}

/// Returns what a test prints that runs `{bin:my-server}`.
fn run(target: &Path, variables: &[(&str, &str)]) -> String {
    run_at("deps/test", target, variables)
}

fn run_at(path: &str, target: &Path, variables: &[(&str, &str)]) -> String {
    let test = target.join("debug").join(path);
    fs::create_dir_all(test.parent().unwrap()).unwrap();
    if !test.exists() {
        let own = std::env::current_exe().unwrap();
        fs::hard_link(&own, &test).or_else(|_| fs::copy(&own, &test).map(drop)).unwrap();
    }
    let role = playing("binaries::plays_a_test_that_runs_a_binary", "runs");
    let mut command = run_by(&[test.as_os_str()], &role);
    printed(&command.envs(variables.iter().copied()).output().unwrap())
}

#[rstest]
#[case::a_binary("my-server", "bin")]
#[case::an_example("examples/my-server", "example")]
fn a_binary_that_is_older_than_its_sources_is_never_run(#[case] path: &str, #[case] kind: &str) {
    let target = scratch_dir();
    build(&target, path, true);
    let printed = run(&target, &[]);
    assert!(printed.contains("/the main.rs`"), "{printed}");
    let help = format!("`cargo build --workspace --{kind} my-server` builds it");
    assert!(printed.contains(&help), "{printed}");

    build(&target, path, false);
    let printed = run(&target, &[]);
    assert!(printed.contains("my-server runs"), "{printed}");
}

#[test]
fn an_example_finds_the_binaries_of_its_package() {
    let target = scratch_dir();
    build(&target, "my-server", false);
    let printed = run_at("examples/dev", &target, &[]);
    assert!(printed.contains("my-server runs"), "{printed}");
}

#[test]
fn a_binary_that_the_runner_names_is_not_looked_at() {
    let target = scratch_dir();
    build(&target, "my-server", true);
    let path = target.join("debug/my-server").display().to_string();
    for name in ["CARGO_BIN_EXE_my-server", "NEXTEST_BIN_EXE_my-server"] {
        let printed = run(&target, &[(name, &path)]);
        assert!(printed.contains("my-server runs"), "{name}: {printed}");
    }
}

#[test]
fn a_binary_of_an_archive_has_no_list_of_sources_and_is_run() {
    let target = scratch_dir();
    build(&target, "my-server", true);
    fs::remove_file(target.join("debug/my-server.d")).unwrap();
    let printed = run(&target, &[]);
    assert!(printed.contains("my-server runs"), "{printed}");
}

#[test]
fn a_binary_that_is_not_built_is_an_error() {
    let printed = run(&scratch_dir(), &[]);
    assert!(printed.contains("no binary `my-server`"), "{printed}");
    let help = "of another package, run `cargo build --workspace --bin my-server` first";
    assert!(printed.contains(help), "{printed}");
}

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
    let help = format!("run `cargo build --workspace --{kind} my-server` first");
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

/// Makes a workspace with these files, and returns what a test of its package `app` prints that runs
/// `{bin:my-server}`.
fn run_in_workspace(files: &[(&str, &str)]) -> String {
    let workspace = scratch_dir();
    for (path, text) in
        [("Cargo.toml", "[workspace]\nmembers = [\"app\", \"crates/*\"]\n")].iter().chain(files)
    {
        let path = workspace.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let app = workspace.join("app").display().to_string();
    run(&workspace.join("target"), &[("CARGO_MANIFEST_DIR", &app)])
}

const APP: (&str, &str) = ("app/Cargo.toml", "[package]\nname = \"app\"\n");
const OTHER: (&str, &str) = ("crates/b/Cargo.toml", "[package]\nname = \"b\"\n");

#[rstest]
#[case::in_a_directory("crates/b/src/bin/my-server/main.rs", "")]
#[case::in_a_file("crates/b/src/bin/my-server.rs", "")]
#[case::by_the_manifest(
    "crates/b/Cargo.toml",
    "[package]\nname = \"b\"\n[[bin]]\nname = \"my-server\"\n"
)]
fn a_binary_of_another_package_that_is_not_built_is_named_with_its_package(
    #[case] path: &str,
    #[case] text: &str,
) {
    let printed = run_in_workspace(&[APP, OTHER, (path, text)]);
    let help = "help: it is one of the package `b`: run `cargo build -p b --bin my-server` first";
    assert!(printed.contains(help), "{printed}");
}

#[test]
fn a_near_binary_of_another_package_is_named_although_it_is_not_built() {
    let printed = run_in_workspace(&[APP, OTHER, ("crates/b/src/bin/my-sever.rs", "")]);
    assert!(printed.contains("help: did you mean `my-sever`?"), "{printed}");
}

#[test]
fn a_unit_test_of_a_binary_crate_says_how_its_binary_is_built() {
    let app = ("app/Cargo.toml", "[package]\nname = \"my-server\"\n");
    let printed = run_in_workspace(&[app, ("app/src/main.rs", "fn main() {}")]);
    let help = "not for unit tests alone: run `cargo build -p my-server --bin my-server` first";
    assert!(printed.contains(help), "{printed}");
}

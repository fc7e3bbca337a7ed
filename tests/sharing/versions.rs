//! Two versions of the crates in one binary, and in one run of the tests: this one, and a copy with another
//! number. They are built for that, so it is done only if `MIRAKURU_VERSIONS` is set, as by `.ci/portable`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mirakuru_tests::{alive, eventually, scratch_dir, test_process};

/// A test binary that leases a server of each version.
const TEST: &str = r#"
static ONE: one::Shared = one::Shared::new(|| {
    one::Executor::shell("echo one $$ >> $START_LOG; echo ready; exec sleep 300").output("ready")
}).scope(one::Scope::Session);

static TWO: two::Shared = two::Shared::new(|| {
    two::Executor::shell("echo two $$ >> $START_LOG; echo ready; exec sleep 300").output("ready")
}).scope(two::Scope::Session);

#[one::with_process(ONE, crate = one)]
#[test]
fn both_run(first: &one::Process) {
    let second = TWO.lease().unwrap();
    assert!(first.is_running() && second.is_running());
    assert_ne!(first.pid(), second.pid());
}

#[test]
fn each_can_be_leased_alone() {
    let one = ONE.exclusive().unwrap();
    let mut two = TWO.exclusive().unwrap();
    two.pause().unwrap();
    assert!(one.is_running() && two.is_running());
}
"#;

#[test]
fn two_versions_in_one_binary_and_one_run_have_a_server_each() {
    if env::var_os("MIRAKURU_VERSIONS").is_none() {
        return println!("skipped: MIRAKURU_VERSIONS is not set");
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dir = scratch_dir();
    copy_with_another_number(workspace, &dir.join("copy"));
    let package = dir.join("both");
    fs::create_dir_all(package.join("tests")).unwrap();
    for (path, text) in [("tests/a.rs", TEST), ("tests/b.rs", TEST), ("lib.rs", "")] {
        fs::write(package.join(path), text).unwrap();
    }
    let manifest = format!(
        "[package]\nname = \"both\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
         [workspace]\n[dependencies]\n\
         one = {{ package = \"mirakuru-rstest\", path = {:?} }}\n\
         two = {{ package = \"mirakuru-rstest\", path = \"../copy/mirakuru-rstest\" }}\n",
        workspace.join("mirakuru-rstest"),
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();

    let log = dir.join("starts");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["test", "--offline"]).current_dir(&package).env("START_LOG", &log);
    // What is built already is not built again.
    let own = env::current_exe().unwrap();
    cargo.env("CARGO_TARGET_DIR", own.ancestors().nth(3).unwrap());
    cargo.env_remove("NEXTEST_RUN_ID").env_remove("NEXTEST_EXECUTION_MODE");
    let printed = test_process::printed(&cargo.output().unwrap());
    assert_eq!(printed.matches("2 passed; 0 failed").count(), 2, "{printed}");

    let starts = fs::read_to_string(log).unwrap();
    let mut starts: Vec<_> = starts.lines().map(|line| line.split_once(' ').unwrap()).collect();
    starts.sort_unstable();
    assert_eq!(starts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["one", "two"]);
    for (_, pid) in starts {
        eventually(Duration::from_secs(10), || !alive(pid));
    }
}

/// Copies the crates, and gives them another number.
fn copy_with_another_number(workspace: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    let crates = ["mirakuru-core", "mirakuru-macros", "mirakuru-rstest"];
    let mut copy = Command::new("cp");
    copy.arg("-r").args(crates.map(|name| workspace.join(name))).arg(workspace.join("README.md"));
    assert!(copy.arg(to).status().unwrap().success());
    let number = concat!(env!("CARGO_PKG_VERSION"), "\"");
    let manifest = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace(number, "9.9.9\"");
    fs::write(to.join("Cargo.toml"), manifest.replace(", \"tests\"]", "]")).unwrap();
}

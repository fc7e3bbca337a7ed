//! A program or directory that does not exist: the report suggests what may have been meant.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::{bin, scratch_dir};

/// Returns the report of a start that does not find its program or directory.
#[track_caller]
fn not_found(executor: &Executor) -> String {
    let error = executor.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    format!("{error:?}")
}

#[track_caller]
fn says(executor: &Executor, help: &str) {
    let report = not_found(executor);
    assert!(report.contains(&format!("help: {help}")), "`{help}` is not in: {report}");
}

fn program(directory: &Path, name: impl AsRef<Path>) {
    let path = directory.join(name);
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn the_nearest_program_of_the_path_is_named() {
    let directory = scratch_dir();
    for name in ["quux-server", "quux-sentinel", "quux-cli"] {
        program(&directory, name);
    }
    let with_path = |command: &str| Executor::new(command).env("PATH", directory.as_os_str());
    says(&with_path("quux-sever --port 1"), "did you mean `quux-server`?");
    says(&with_path("Quux-Server"), "`quux-server` is there: upper and lower case");
    program(&directory, "mknod");
    // `mnknos` is two letters away from `mknod`, and something else.
    for other in ["memcached-of-none", "mnknos"] {
        let report = not_found(&with_path(other));
        assert!(!report.contains("did you mean"), "{report}");
    }
}

#[test]
fn only_what_can_be_executed_is_named() {
    let directory = scratch_dir();
    fs::write(directory.join("quux-servers"), "a text").unwrap();
    fs::create_dir(directory.join("quux-serve")).unwrap();
    let report = not_found(&Executor::new("quux-server-x").env("PATH", directory.as_os_str()));
    assert!(!report.contains("did you mean"), "{report}");
}

#[test]
fn a_program_in_a_directory_outside_of_the_path_is_named() {
    let executor = Executor::new("sleep 60").env("PATH", "/nonsuch");
    let report = not_found(&executor);
    assert!(report.contains("/sleep` is there, but that directory is not in PATH"), "{report}");
}

#[test]
fn odd_directories_in_the_path_do_no_harm() {
    let directory = scratch_dir();
    let odd = directory.join("odd");
    fs::create_dir(&odd).unwrap();
    program(&odd, Path::new(std::ffi::OsStr::from_bytes(b"my-s\xffrver")));
    symlink("loop", odd.join("loop")).unwrap();
    symlink("/nonsuch", odd.join("my-serve")).unwrap();
    fs::write(directory.join("file"), "").unwrap();
    let fifo = directory.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    program(&odd, "my-servers");
    let path = ["/nonsuch", "", "file", "fifo", "odd/loop", "odd", "/dev", "/proc"];
    let path = path.map(|part| directory.join(part).display().to_string()).join(":");
    says(&Executor::new("my-server-").env("PATH", path), "did you mean `my-servers`?");
}

#[test]
fn shell_syntax_is_distinguished_from_a_program() {
    let directory = scratch_dir();
    let in_directory = |executor: Executor| executor.env("PATH", directory.as_os_str());
    says(&in_directory(Executor::new("cd /tmp && ls")), "`cd` is a word of the shell");
    says(&in_directory(Executor::new("PORT=1 ls")), "variables are set by `env`");
    says(&in_directory(Executor::new(["ls -l"])), "these are several words");
    let own = Path::new(bin!("mk-cat")).file_name().unwrap();
    says(&in_directory(Executor::new([own])), "`mk-cat` is a binary of this workspace");
    let is_not_built_for_this_test = in_directory(Executor::new(["my-app"]));
    says(
        &is_not_built_for_this_test,
        "`my-app` is a binary of this workspace: write `{bin:my-app}`",
    );
}

#[test]
fn a_missing_path_is_reported_as_far_as_it_exists() {
    let directory = scratch_dir();
    let shown = directory.display();
    fs::create_dir(directory.join("bin")).unwrap();
    program(&directory.join("bin"), "server");
    let run = |command: &str| Executor::new(command).current_dir(&*directory);
    let report = not_found(&run("./bin/sever"));
    assert!(
        report.starts_with(&format!("sever: there is no program `{shown}/bin/sever`")),
        "{report}"
    );
    says(&run("./bin/sever"), &format!("did you mean `{shown}/bin/server`?"));
    says(&run("bni/server"), &format!("did you mean `{shown}/bin`?"));
    says(&run("build/server"), &format!("`{shown}` is there, and has no `build` in it"));
    symlink("/nonsuch/server", directory.join("link")).unwrap();
    says(&run("./link"), "it is a link to `/nonsuch/server`, which is not there");

    let executor = Executor::new("sleep 60").current_dir(directory.join("bin/sub/sub"));
    says(&executor, &format!("`{shown}/bin` is there, and has no `sub` in it"));
    let executor = Executor::new("sleep 60").current_dir("nonsuch-directory");
    let own = std::env::current_dir().unwrap();
    let report = not_found(&executor);
    assert!(report.contains(&format!("`{}/nonsuch-directory`", own.display())), "{report}");
    says(
        &Executor::new("sleep 60").current_dir("{dir}/data"),
        "the directory that {dir} stands for",
    );
}

#[test]
fn a_script_with_line_ends_of_windows_says_so() {
    let directory = scratch_dir();
    program(&directory, "script");
    fs::write(directory.join("script"), "#!/bin/sh\r\nsleep 60\r\n").unwrap();
    says(&Executor::new([directory.join("script")]), "its first line ends as lines do on Windows");
}

#[test]
fn a_near_binary_of_the_package_is_named() {
    let error = Executor::new("{bin:mk-tpc-server}").start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let report = format!("{error:?}");
    assert!(report.contains("help: did you mean `mk-tcp-server`?"), "{report}");
}

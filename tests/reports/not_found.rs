//! A program or directory that does not exist or cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use expect_test::expect;
use mirakuru_rstest::Executor;
use mirakuru_tests::{has, scratch_dir};

use crate::normal::fails;

fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_program_with_a_near_name() {
    let directory = scratch_dir();
    program(&directory, "quux-server", "");
    let executor = Executor::new("quux-sever --port {port}").env("PATH", directory.as_os_str());
    fails(
        &executor,
        &expect![[r#"
        quux-sever: no program `quux-sever` in PATH (SCRATCH)
          help: did you mean `quux-server`?
    "#]],
    );
    let executor = Executor::new("QUUX-server --port {port}").env("PATH", directory.as_os_str());
    fails(
        &executor,
        &expect![[r#"
        QUUX-server: no program `QUUX-server` in PATH (SCRATCH)
          help: `quux-server` is there: upper and lower case are different names
    "#]],
    );
}

#[test]
fn a_search_path_names_each_directory_once() {
    let directory = scratch_dir();
    let path = format!("{0}:/nonsuch:{0}/:/nonsuch", directory.display());
    let error = Executor::new("nonsuch-program").env("PATH", path).start().unwrap_err();
    let shown = format!("in PATH ({}:/nonsuch)", directory.display());
    assert!(error.to_string().ends_with(&shown), "{error}");
}

#[test]
fn a_program_that_is_nowhere() {
    fails(
        &Executor::new("nonsuch-program"),
        &expect![[r#"
        nonsuch-program: no program `nonsuch-program` in PATH (…)
          help: install it, or give the path of its file
    "#]],
    );
}

#[test]
fn a_program_whose_package_is_known() {
    if !has("minio") {
        fails(
            &Executor::new("minio server {dir}"),
            &expect![[r#"
            minio: no program `minio` in PATH (…)
              help: install it as its project says, or by `brew install minio`; Debian has no package
        "#]],
        );
    }
}

#[test]
fn a_program_by_a_relative_path() {
    let directory = scratch_dir();
    program(&directory, "server", "");
    fails(
        &Executor::new("./sevrer").current_dir(&*directory),
        &expect![[r#"
        sevrer: there is no program `SCRATCH/sevrer`
          help: did you mean `SCRATCH/server`?
    "#]],
    );
}

#[test]
fn a_file_that_is_not_executable() {
    let directory = scratch_dir();
    let path = directory.join("script");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    fails(
        &Executor::new([path]),
        &expect![[r#"
            script: `SCRATCH/script` cannot be executed by this user
              help: `chmod +x SCRATCH/script` makes it a program, if it is one
        "#]],
    );
}

#[test]
fn a_directory_for_a_program() {
    let directory = scratch_dir();
    let bin = directory.join("bin");
    fs::create_dir(&bin).unwrap();
    fails(
        &Executor::new([bin]),
        &expect![[r#"
            bin: `SCRATCH/bin` is a directory, not a program
        "#]],
    );
}

#[test]
fn a_working_directory_that_is_missing() {
    let directory = scratch_dir();
    fails(
        &Executor::new("sleep 60").current_dir(directory.join("a/b")),
        &expect![[r#"
            sleep: there is no directory `SCRATCH/a/b`
              help: `SCRATCH` is there, and has no `a` in it
        "#]],
    );
}

#[test]
fn a_script_without_its_interpreter() {
    let directory = scratch_dir();
    let script = program(&directory, "script", "#!/nonsuch/bin/interpreter -x\n");
    fails(
        &Executor::new([script]),
        &expect![[r#"
        script: `SCRATCH/script` cannot be run: its interpreter `/nonsuch/bin/interpreter` is missing
          command: SCRATCH/script
          process: not started
          output: none (LOG)
          help: install it, or correct the script's first line, `#!/nonsuch/bin/interpreter`
    "#]],
    );
}

#[test]
fn an_input_that_is_missing() {
    fails(
        &Executor::new("cat").stdin(PathBuf::from("/nonsuch/input")),
        &expect![[r#"
            cat: `/nonsuch/input` cannot be read: No such file or directory (os error 2)
        "#]],
    );
}

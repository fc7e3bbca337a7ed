//! Files that are written before a start.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, StartSoon, fails, reports, soon};
use mirakuru_tests::{bin, http_get};

fn sleeps() -> Executor {
    Executor::new("sleep 300")
}

#[test]
fn a_file_has_its_placeholders_filled_in_and_its_other_braces_left() {
    let text = r#"http { listen {port}; root {dir}; a {"b": {}} } ${HOME} {{port}} ü"#;
    let process = sleeps().file("{dir}/conf.d/{port}.conf", text).start_soon();
    let (port, dir) = (process.port(), process.dir());
    let written = fs::read_to_string(dir.join(format!("conf.d/{port}.conf"))).unwrap();
    let shown = dir.display();
    let expected =
        format!(r#"http {{ listen {port}; root {shown}; a {{"b": {{}}}} }} ${{HOME}} {{port}} ü"#);
    assert_eq!(written, expected);
}

#[test]
fn only_the_user_reads_a_file_and_a_script_is_executable() {
    let process = sleeps().file("{dir}/key", "secret").file("{dir}/a", "#!/bin/sh\n").start_soon();
    let mode = |name: &str| fs::metadata(process.dir().join(name)).unwrap().permissions().mode();
    assert_eq!((mode("key") & 0o777, mode("a") & 0o777), (0o600, 0o700));
}

#[test]
fn a_program_may_be_a_file() {
    let server = format!("#!/bin/sh\nexec {} {{port}}\n", bin!("mk-http-server"));
    let executor = Executor::new("{dir}/server").file("{dir}/server", server);
    let process = executor.http("http://127.0.0.1:{port}/").timeout(LONG).start_soon();
    assert_eq!(http_get(&process.url()).0, 200);
}

#[test]
fn a_changed_file_is_written_again_at_a_restart_and_others_stay() {
    let mut process = sleeps().file("{dir}/a", "as it was").start_soon();
    let (file, other) = (process.dir().join("a"), process.dir().join("b"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "changed").unwrap();
    fs::write(&other, "data").unwrap();
    soon(|| process.restart()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
    assert_eq!(fs::read_to_string(&other).unwrap(), "data");
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let mut process = sleeps().file("{dir}/a", "text").start_soon();
    let (file, other) = (process.dir().join("a"), process.dir().join("other"));
    fs::write(&other, "data").unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    soon(|| process.restart()).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "data");
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}

#[test]
fn files_are_gone_with_the_process() {
    let process = sleeps().file("{dir}/a/b", "text").start_soon();
    let dir = process.dir().to_owned();
    assert!(dir.join("a/b").exists());
    drop(process);
    assert!(!dir.exists());
}

#[test]
fn a_path_outside_of_the_directory_is_refused() {
    for path in ["a.conf", "/tmp/a.conf", "{dir}", "{dir}/../a"] {
        let error = fails(&sleeps().file(path, ""), ErrorKind::InvalidInput);
        reports(&error, &[path, "is not the path of a file in `{dir}`"]);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let executor = sleeps().file("{dir}/a", "text").file("{dir}/a/b", "text");
    let error = fails(&executor, ErrorKind::Os);
    reports(&error, &["/a/b` cannot be written", "sleep"]);
}

#[test]
fn a_captured_value_in_a_file_is_an_error() {
    let executor = sleeps().output("port (?<number>.*)").file("{dir}/a", "{number}");
    reports(&fails(&executor, ErrorKind::InvalidInput), &["{number}"]);
}

//! The table notices servers that do not behave.

use std::time::Duration;

use mirakuru_rstest::Executor;
use mirakuru_tests::scratch_dir;

use super::{Client, ROW, Row};

const LISTENS: Row = Row {
    program: "python3",
    run: "exec python3 -u -m http.server --bind 127.0.0.1 {port}",
    client: Client::Tcp(b"GET / HTTP/1.0\r\n\r\n"),
    answer: "^HTTP/1.0 200 ",
    ..ROW
};

#[track_caller]
fn fault(row: &Row) -> String {
    row.round().expect_err("the server does not behave")
}

#[test]
fn a_well_behaved_server_has_no_fault() {
    assert_eq!(LISTENS.round().err(), None);
}

#[test]
fn another_answer_is_a_fault() {
    let fault = fault(&Row { answer: "^HTTP/1.0 404 ", ..LISTENS });
    assert!(fault.starts_with(r#"first client: it answered "HTTP/1.0 200 OK"#), "{fault}");
}

#[test]
fn a_port_that_opens_after_start_is_a_fault() {
    let fault = fault(&Row { run: "sleep 60 # {port}", ready: |it| it, ..LISTENS });
    assert!(fault.starts_with("first client: Connection refused"), "{fault}");
}

#[test]
fn a_server_that_has_to_be_killed_is_a_fault() {
    // Its children ignore the signal too.
    let run = "trap '' TERM; python3 -u -m http.server --bind 127.0.0.1 {port}";
    let ready = |it: Executor| it.tcp("127.0.0.1:{port}").stop_timeout(Duration::from_millis(100));
    let fault = fault(&Row { run, ready, ..LISTENS });
    assert!(fault.contains("SIGKILL"), "{fault}");
}

#[test]
fn a_file_outside_its_directory_is_a_fault() {
    let scratch = scratch_dir();
    let name = scratch.file_name().expect("a name").to_str().expect("of letters").to_owned();
    let places = Box::leak(Box::new([&*name.leak()]));
    let run = format!("touch {}/file; {}", scratch.display(), LISTENS.run);
    let fault = fault(&Row { run: run.leak(), places, ..LISTENS });
    assert!(fault.starts_with("written outside"), "{fault}");
}

#[test]
fn a_file_that_stays_open_outside_its_directory_is_a_fault() {
    let scratch = scratch_dir();
    let run = format!("{} 5>{}/file", LISTENS.run, scratch.display());
    let fault = fault(&Row { run: run.leak(), ..LISTENS });
    assert!(fault.starts_with("left: "), "{fault}");
}

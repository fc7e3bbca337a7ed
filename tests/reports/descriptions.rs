//! Executors that are accepted or rejected, and errors that can be printed and say enough.

use std::error::Error as StdError;
use std::path::PathBuf;

use mirakuru_core::{Error, ErrorKind, Executor, Http};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, ended, fails, mark, nothing_left, reports};
use mirakuru_tests::{bin, need, scratch_dir};

#[test]
fn a_script_may_hold_any_quotes() {
    let script = "# don't split this\ncat <<END\nit's here\nEND\nsleep 300";
    let process = Executor::shell(script).output("^it's here$").timeout(LONG).start_soon();
    assert!(process.is_running());
}

#[test]
fn a_command_that_is_none_is_refused() {
    let none: [&str; 0] = [];
    for executor in [
        Executor::new(""),
        Executor::new("   "),
        Executor::new(none),
        Executor::new([""]),
        Executor::new("sleep 'not closed"),
    ] {
        fails(&executor, ErrorKind::InvalidInput);
    }
}

#[test]
fn a_missing_program_or_directory_is_reported_before_anything_is_started() {
    let dir = scratch_dir();
    let missing = dir.join("missing");
    reports(&fails(&Executor::new([&*missing]), ErrorKind::NotFound), &["missing"]);
    let executor = Executor::new("sleep 300").current_dir(&missing);
    reports(&fails(&executor, ErrorKind::NotFound), &["no directory", "missing"]);

    let text = dir.join("text");
    std::fs::write(&text, "not a program").unwrap();
    reports(&fails(&Executor::new([&*text]), ErrorKind::PermissionDenied), &["text"]);
    assert!(matches!(std::fs::read_dir(&*dir).unwrap().count(), 1));
}

#[test]
fn a_path_too_long_for_a_unix_socket_is_refused() {
    let path: PathBuf = ["/tmp", &"x".repeat(120)].iter().collect();
    let error = fails(&Executor::new("sleep 300").unix_socket(path), ErrorKind::InvalidInput);
    reports(&error, &["125 bytes", "107"]);
}

/// Returns one error of each kind that a process can cause.
fn one_of_each_kind() -> Vec<Error> {
    let first = Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let first = first.start_soon();
    let taken = first.addr().to_string();
    let starts = [
        Executor::new(""),
        Executor::new("there-is-no-such-program-here"),
        Executor::new(["/etc/passwd"]),
        Executor::new("sleep 300").tcp(taken),
        Executor::new("false").output("ready"),
        Executor::new("sleep 300").output("ready").timeout(SHORT),
    ];
    let mut errors: Vec<Error> = starts.iter().map(|it| it.start().unwrap_err()).collect();
    let mut failed = Executor::new("false").start_soon();
    ended(&mut failed);
    errors.push(failed.stop().unwrap_err());
    errors
}

#[test]
fn every_error_prints_a_line_and_a_report_and_can_be_passed_on() {
    let errors = one_of_each_kind();
    let kinds: Vec<ErrorKind> = errors.iter().map(Error::kind).collect();
    assert_eq!(
        kinds,
        [
            ErrorKind::InvalidInput,
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::AlreadyRunning,
            ErrorKind::Exited,
            ErrorKind::Timeout,
            ErrorKind::UnexpectedExit,
        ]
    );
    for error in errors {
        let (line, report) = (error.to_string(), format!("{:?}", error.clone()));
        assert!(!line.is_empty() && !line.contains('\n'), "{line}");
        assert!(report.starts_with(&line), "{report}");
        let passed_on: Box<dyn StdError + Send + Sync> = error.into();
        assert_eq!(passed_on.to_string(), line);
    }
}

#[test]
fn a_timeout_carries_the_last_words_of_the_process() {
    let mark = mark();
    let script = format!("echo FATAL: bad config >&2; sleep 300 # {mark}");
    let executor = Executor::shell(script).tcp("127.0.0.1:{port}").timeout(SHORT);
    let error = fails(&executor, ErrorKind::Timeout);
    reports(&error, &["FATAL: bad config", "command:", "checked", "running as pid"]);
    nothing_left(&mark);
}

#[test]
fn an_unexpected_end_carries_the_last_words_of_the_process() {
    let mut process = Executor::shell("echo FATAL: bad disk >&2; exit 2").start_soon();
    ended(&mut process);
    reports(&process.stop().unwrap_err(), &["FATAL: bad disk", "exited with code 2"]);
}

#[test]
fn the_message_names_the_process_and_not_its_secrets() {
    let executor = Executor::new(["sleep", "300"]).env("PASSWORD", "hole").name("my database");
    let error = fails(&executor.output("ready").timeout(SHORT), ErrorKind::Timeout);
    assert!(error.to_string().starts_with("my database: "), "{error}");
    assert!(!format!("{error:?}").contains("hole"), "{error:?}");
}

#[test]
fn output_can_be_read_after_the_stop_and_after_the_drop() {
    let mut process = Executor::shell("echo last words; sleep 300").start_soon();
    let log = process.log();
    log.wait_for("last", LONG).unwrap();
    process.stop().unwrap();
    assert_eq!(process.log().tail(1).unwrap(), "last words");
    drop(process);
    assert_eq!(log.read().unwrap(), "last words\n");
}

/// A server that prints the headers of the first request and answers it.
const HEADER_PRINTER: &str = "
import http.server, sys
class Printer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        print(self.headers, flush=True)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Printer).serve_forever()
";

#[test]
fn headers_are_sent_and_a_form_says_that_it_is_one() {
    let Some(python) = need("python3") else { return };
    let form =
        Http::post("http://127.0.0.1:{port}/").form([("key", "a b")]).header("X-Key", "hole");
    let server = Executor::new([python]).args(["-c", HEADER_PRINTER, "{port}"]);
    let process = server.http(form).timeout(LONG).start_soon();
    let log = process.log().read().unwrap().to_ascii_lowercase();
    for line in [
        "x-key: hole",
        "content-type: application/x-www-form-urlencoded",
        "content-length: 7",
        &format!("host: 127.0.0.1:{}", process.port()),
        "accept: */*",
    ] {
        assert!(log.lines().any(|it| it == line), "no `{line}` in {log}");
    }
}

//! The values of a process, and the errors if it does not have them.

use std::error::Error as _;
use std::io;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mirakuru_rstest::{Attempt, Error, ErrorKind, Executor, Process};
use mirakuru_tests::{bin, scratch_dir};

/// Returns the error of a missing value, and checks that the panic says the same.
#[track_caller]
fn absent<T, U>(error: Result<T, Error>, get: impl FnOnce() -> U) -> String {
    let Err(error) = error else { panic!("it has a value") };
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    let report = format!("{error:?}");
    let Err(panicked) = catch_unwind(AssertUnwindSafe(get)) else { panic!("no panic: {report}") };
    assert_eq!(panicked.downcast_ref::<String>(), Some(&report));
    report
}

fn sleeper() -> Process {
    Executor::new("sleep 300").name("sleeper").start().unwrap()
}

#[test]
fn a_value_that_a_process_does_not_have_is_an_error_with_help() {
    let process = sleeper();
    for (report, what, help) in [
        (absent(process.try_port(), || process.port()), "no `{port}`", "write `{port}`"),
        (
            absent(process.try_port_named("admin"), || process.port_named("admin")),
            "no `{port:admin}`",
            "write `{port:admin}`",
        ),
        (absent(process.try_addr(), || process.addr()), "no address", "use `port()`"),
        (absent(process.try_url(), || process.url()), "no URL", "by `http`"),
        (absent(process.try_dir(), || process.dir()), "no `{dir}`", "write `{dir}`"),
    ] {
        assert!(report.starts_with(&format!("sleeper has {what}: ")), "{report}");
        assert!(report.split("help: ").nth(1).is_some_and(|rest| rest.contains(help)), "{report}");
    }
}

/// A server whose program has this name, waited for by `tcp`.
fn listening_as(program: &str) -> Process {
    let dir = scratch_dir(); // It is only needed until the program runs.
    let path = dir.join(program);
    symlink(bin!("mk-tcp-server"), &path).unwrap();
    let executor = Executor::new([path]).args(["{port}"]).tcp("127.0.0.1:{port}");
    executor.start().unwrap()
}

#[test]
fn a_url_that_is_not_waited_for_is_written_with_the_address() {
    let help = |process: &Process| {
        let report = absent(process.try_url(), || process.url());
        report.split("help: ").nth(1).unwrap().trim_end().to_owned()
    };
    let redis = listening_as("redis-server");
    assert_eq!(help(&redis), r#"write `format!("redis://{}/", server.addr())`"#);
    let other = help(&listening_as("my-server"));
    assert!(
        other.starts_with(r#"write it with `addr()`, as in `format!("redis://{}/""#),
        "{other}"
    );
    assert!(
        other.ends_with("if it speaks HTTP, wait for it by `http` instead of `tcp`"),
        "{other}"
    );
    let nowhere = help(&sleeper());
    assert!(nowhere.contains("otherwise by `tcp`, and write the URL with `addr()`"), "{nowhere}");
}

#[test]
fn a_value_that_a_process_has_is_the_same_either_way() {
    let command = [bin!("mk-http-server"), "{port}"];
    let executor = Executor::new(command).http("http://127.0.0.1:{port}/").env("DIR", "{dir}");
    let process = executor.env("ADMIN", "{port:admin}").start().unwrap();
    assert_eq!(process.try_port().unwrap(), process.port());
    assert_eq!(process.try_port_named("admin").unwrap(), process.port_named("admin"));
    assert_eq!(process.try_addr().unwrap(), process.addr());
    assert_eq!(process.try_url().unwrap(), process.url());
    assert_eq!(process.try_dir().unwrap(), process.dir());
}

/// A port alone does not determine the address at which the server listens.
#[test]
fn a_text_with_placeholders_may_be_borrowed_or_owned() {
    let ready = |attempt: &Attempt<'_>| attempt.render("{port}").is_ok();
    let process = Executor::new("sleep 300").env("PORT", "{port}").probe(ready).start().unwrap();
    let text = "at {port}".to_owned();
    let expected = format!("at {}", process.port());
    assert_eq!(process.render("at {port}").unwrap(), expected);
    assert_eq!(process.render(&text).unwrap(), expected);
    assert_eq!(process.render(text).unwrap(), expected);
}

#[test]
fn an_address_is_never_assumed_from_a_port() {
    let executor = Executor::new([bin!("mk-tcp-server"), "{port}"]).output("^listening");
    let process = executor.start().unwrap();
    assert_ne!(process.port(), 0);
    assert_eq!(process.try_addr().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_error_knows_the_command_and_the_log() {
    let error = Executor::shell("echo because; exit 3").output("^never$").start().unwrap_err();
    assert_eq!(error.command(), Some("/bin/sh -c 'echo because; exit 3'"));
    assert_eq!(std::fs::read_to_string(error.log_path().unwrap()).unwrap(), "because\n");

    let error = Executor::new("nonsuch-program").start().unwrap_err();
    assert_eq!((error.command(), error.log_path()), (None, None));
}

#[test]
fn a_question_mark_turns_an_error_into_an_io_error_with_the_report() {
    fn start() -> io::Result<Process> {
        Ok(Executor::new("nonsuch-program").start()?)
    }
    let error = start().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(format!("{error:?}").contains("nonsuch-program: no program"), "{error:?}");
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).unwrap();
    assert_eq!(inner.kind(), ErrorKind::NotFound);
    assert!(inner.source().is_none());
}

#[test]
fn a_server_that_cannot_bind_is_an_io_error_of_that_kind() {
    let executor = Executor::shell("echo 'Address already in use'; exit 1").output("^never$");
    let error = io::Error::from(executor.start().unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

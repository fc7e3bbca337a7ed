//! Faulty executors.

use expect_test::expect;
use mirakuru_rstest::{Banner, Executor, Http, Signal};

use crate::normal::fails;

fn server() -> Executor {
    Executor::new("sleep 60").name("database")
}

#[test]
fn a_placeholder_that_is_unknown() {
    fails(
        &server().arg("{prot}"),
        &expect![[r#"
            database: in `{prot}` of the command: unknown placeholder `{prot}`; did you mean `{port}`? write `{{prot}}` for the text itself
        "#]],
    );
}

#[test]
fn a_quote_that_is_not_closed() {
    fails(
        &Executor::new("sleep '60"),
        &expect![[r#"
            the command `sleep '60` has a quote that is not closed, or ends with a backslash
              help: words that are given one by one need no quotes: `["program", "it's"]`
        "#]],
    );
}

#[test]
fn a_command_that_is_empty() {
    fails(
        &Executor::new(""),
        &expect![[r#"
            the command is empty: name the program to run
        "#]],
    );
}

#[test]
fn a_pattern_that_is_none() {
    fails(
        &server().output("listening on ("),
        &expect![[r#"
        database: the pattern `listening on (` is not a regular expression: found open group without closing ')'
          command: sleep 60
          help: a backslash before a character takes it as it is: `\(`
    "#]],
    );
}

#[test]
fn a_pattern_with_a_placeholder() {
    fails(
        &server().output("listening on {port}"),
        &expect![[r#"
        database: the pattern `listening on {port}` is not a regular expression: expected decimal number, but found no digits
          command: sleep 60
          help: a pattern has no placeholders: `\d+` matches any port
    "#]],
    );
}

#[test]
fn a_pattern_that_is_to_come_never() {
    fails(
        &server().output(Banner::new("ready").times(0)),
        &expect![[r#"
            database: an output pattern that has to match 0 times waits for nothing
              command: sleep 60
        "#]],
    );
}

#[test]
fn an_address_without_a_port() {
    fails(
        &server().tcp("localhost"),
        &expect![[r#"
        database: `localhost` has no port; write `host:port`
          command: sleep 60
    "#]],
    );
}

#[test]
fn an_address_without_a_host() {
    let error = server().tcp("{port}").start().unwrap_err().to_string();
    let (_, port) = error.rsplit_once(':').unwrap();
    let port = port.trim_end_matches('`');
    let expected = format!("database: `{port}` has no host; write `127.0.0.1:{port}`");
    assert_eq!(error, expected);
}

#[test]
fn an_address_that_does_not_resolve() {
    fails(
        &server().tcp("nonsuch.invalid:80"),
        &expect![[r#"
        database: the host name `nonsuch.invalid` does not resolve
          command: sleep 60
    "#]],
    );
}

#[test]
fn a_url_without_a_scheme() {
    fails(
        &server().http("127.0.0.1:80"),
        &expect![[r#"
        database: `127.0.0.1:PORT` is not a URL that starts with http:// or https://
          command: sleep 60
    "#]],
    );
}

#[test]
fn a_status_that_is_none() {
    fails(
        &server().http(Http::get("http://127.0.0.1:{port}/").status(20)),
        &expect![[r#"
            database: 20 is not an HTTP status; they go from 100 to 599
              command: sleep 60
        "#]],
    );
}

#[test]
fn a_path_too_long_for_a_socket() {
    let path = format!("/tmp/{}", "x".repeat(110));
    fails(
        &server().unix_socket(path),
        &expect![[r#"
            database: the socket path `/tmp/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 115 bytes; the limit is 107
              command: sleep 60
              help: a path in {dir} is short enough
        "#]],
    );
}

#[test]
fn a_variable_that_cannot_be_one() {
    fails(
        &server().env("A=B", "x"),
        &expect![[r#"
            database: `A=B` is not the name of an environment variable
        "#]],
    );
}

#[test]
fn a_time_limit_of_nothing() {
    fails(
        &server().timeout(std::time::Duration::ZERO),
        &expect![[r#"
        database: the time limit `timeout` is zero
    "#]],
    );
}

#[test]
fn a_signal_that_is_none() {
    fails(
        &server().stop_signal(Signal::new(0)),
        &expect![[r#"
        database: `stop_signal`: 0 is not the number of a signal
    "#]],
    );
}

#[test]
fn a_binary_that_the_package_does_not_have() {
    fails(
        &Executor::new("{bin:mk-tpc-server}"),
        &expect![[r#"
            mk-tpc-server: the package has no binary `mk-tpc-server` that was built for this test
              help: did you mean `mk-tcp-server`?
        "#]],
    );
    fails(
        &Executor::new("{bin:nonsuch-program}"),
        &expect![[r#"
            nonsuch-program: the package has no binary `nonsuch-program` that was built for this test
              help: cargo builds the binaries of a package for its integration tests (the `tests` directory) only: if it is one of another package, run `cargo build --workspace --bin nonsuch-program` first
        "#]],
    );
}

#[test]
fn a_placeholder_that_the_process_has_no_value_for() {
    let process = Executor::new("sleep 60").start().unwrap();
    crate::normal::check(
        &process.render("{port}").unwrap_err(),
        &expect![[r#"
            this process has no `{port}`: neither its command nor its environment, conditions or directory mention it
        "#]],
    );
}

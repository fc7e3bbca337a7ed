//! Faulty executors: the error says what is wrong, and no process is started.

use std::path::PathBuf;
use std::time::Duration;

use mirakuru_rstest::{Banner, ErrorKind, Executor, Http, Signal};
use mirakuru_tests::{processes_with_mark, scratch_dir};

fn with(command: &str) -> Executor {
    Executor::new(command)
}

/// Returns faulty executors, each with words of its report and the kind of its error.
fn table() -> Vec<(Executor, &'static str, ErrorKind)> {
    use ErrorKind::{InvalidInput, NotFound, PermissionDenied};
    let good = || Executor::new(["sleep", "60", "bad-input-mark"]);
    let url = "http://127.0.0.1:{port}/";
    vec![
        (with(""), "empty", InvalidInput),
        (with("   "), "empty", InvalidInput),
        (with("''"), "program, is empty", InvalidInput),
        (Executor::new(Vec::<String>::new()), "empty", InvalidInput),
        (with("sleep '60"), "not closed", InvalidInput),
        (with("sleep \"60"), "not closed", InvalidInput),
        (Executor::new(["sleep", "6\0"]), "zero byte", InvalidInput),
        (good().arg("{prot}"), "unknown placeholder `{prot}`", InvalidInput),
        (good().arg("{prot:a}"), "did you mean `{port:a}`", InvalidInput),
        (good().arg("{bin:nonsuch}"), "no binary `nonsuch`", InvalidInput),
        (good().env("A", "{x}"), "in `{x}` of the environment variable `A`: unknown", InvalidInput),
        (good().env("", "x"), "environment variable", InvalidInput),
        (good().env("A=B", "x"), "environment variable", InvalidInput),
        (
            good().current_dir("{here}"),
            "in `{here}` of the working directory: unknown",
            InvalidInput,
        ),
        (good().output("("), "regular expression", InvalidInput),
        (good().output(""), "empty", InvalidInput),
        (good().output(Banner::new("x").times(0)), "0 times", InvalidInput),
        (good().tcp(""), "no port", InvalidInput),
        (good().tcp("localhost"), "no port", InvalidInput),
        (good().tcp(":80"), "no host", InvalidInput),
        (good().tcp("localhost:http"), "not a port", InvalidInput),
        (good().tcp("localhost:65536"), "not a port", InvalidInput),
        (good().tcp("::1:80"), "brackets", InvalidInput),
        (good().tcp("nonsuch.invalid:80"), "does not resolve", InvalidInput),
        (good().tcp("127.0.0.1:{prot}"), "in `127.0.0.1:{prot}` of `tcp`: unknown", InvalidInput),
        (good().http("127.0.0.1:80"), "http://", InvalidInput),
        (good().http("ftp://127.0.0.1/"), "http://", InvalidInput),
        (good().http("http://"), "no host", InvalidInput),
        (good().http("http://u:p@127.0.0.1/"), "header", InvalidInput),
        (good().http("http://127.0.0.1/a b"), "%20", InvalidInput),
        (good().http("http://127.0.0.1:x/"), "not a port", InvalidInput),
        (good().http("http://unix:"), "not the path of a socket", InvalidInput),
        (good().http("http://unix:{dir}/:/x"), "not the path of a socket", InvalidInput),
        (
            good().http("http://unix:{dri}/s:/"),
            "in `http://unix:{dri}/s:/` of `http`: unknown",
            InvalidInput,
        ),
        (good().http("http://unix:{dir}/s?q=1"), "stands `:/`", InvalidInput),
        (good().http("http://unix:{dir}/s:/a b"), "%20", InvalidInput),
        (good().http("https://unix:{dir}/s:/"), "http://unix:PATH:/", InvalidInput),
        (good().http(format!("http://unix:/{}:/", "x".repeat(200))), "limit", InvalidInput),
        (good().http(Http::request("GE T", url)), "method", InvalidInput),
        (good().http(Http::request("", url)), "method", InvalidInput),
        (good().http(Http::get(url).header("a b", "c")), "header", InvalidInput),
        (good().http(Http::get(url).header("a", "b\nc")), "header", InvalidInput),
        (good().http(Http::get(url).status("(")), "status", InvalidInput),
        (good().http(Http::get(url).status(20)), "status", InvalidInput),
        (
            good().http(Http::get(url).request_timeout(Duration::ZERO)),
            "request timeout is zero",
            InvalidInput,
        ),
        (good().unix_socket(PathBuf::from("x".repeat(200))), "limit", InvalidInput),
        (good().unix_socket(""), "not the path", InvalidInput),
        (good().unix_socket("{dri}/s"), "in `{dri}/s` of `unix_socket`: unknown", InvalidInput),
        (good().pid_file(""), "not the path", InvalidInput),
        (good().pid_file("/"), "not the path", InvalidInput),
        (good().pid_file("{dri}/pid"), "in `{dri}/pid` of `pid_file`: unknown", InvalidInput),
        (good().udp("127.0.0.1:{upd}"), "in `127.0.0.1:{upd}` of `udp`: unknown", InvalidInput),
        (good().reply("{x}:1", "a", "b"), "in `{x}:1` of `reply`: unknown", InvalidInput),
        (good().file("{dir}/{x}", ""), "in `{dir}/{x}` of `file`: unknown", InvalidInput),
        (
            good().file("{dir}/a", "# c\n  port {prot}\n}"),
            "in `port {prot}` of the file `{dir}/a`: unknown",
            InvalidInput,
        ),
        (good().template("initdb {dri}"), "in `initdb {dri}` of `template`: unknown", InvalidInput),
        (good().before_start("a {x}"), "in `a {x}` of `before_start`: unknown", InvalidInput),
        (good().after_ready("a {x}"), "in `a {x}` of `after_ready`: unknown", InvalidInput),
        (good().reset("a {x}"), "in `a {x}` of `reset`: unknown", InvalidInput),
        (good().arg("{upd:a}"), "did you mean `{udp:a}`", InvalidInput),
        (good().arg("{key}").output("(?<key>x)"), "gets its value from the output", InvalidInput),
        (good().tcp("{key}:1"), "unknown placeholder `{key}`", InvalidInput),
        (good().output("(?<dir>x)"), "cannot be called `dir`", InvalidInput),
        (good().arg("{port:a}").output("(?<a>x)"), "name of a group", InvalidInput),
        (good().output("(?<udp>x)"), "cannot be called `udp`", InvalidInput),
        (good().ready_command(""), "empty", InvalidInput),
        (good().ready_command("test 'x"), "not closed", InvalidInput),
        (
            good().ready_command("test {x}"),
            "in `test {x}` of `ready_command`: unknown",
            InvalidInput,
        ),
        (good().ready_command("nonsuch-check"), "no program `nonsuch-check`", NotFound),
        (good().ready_fd(2), "not one from 3 to 19", InvalidInput),
        (good().ready_fd(20), "not one from 3 to 19", InvalidInput),
        (good().ready_fd(3).ready_fd(4), "one readiness descriptor", InvalidInput),
        (good().listen("127.0.0.1:80").ready_fd(3), "not one from 4 to 19", InvalidInput),
        (good().listen("127.0.0.1"), "no port", InvalidInput),
        (good().listen("127.0.0.1:0"), "`{port}`", InvalidInput),
        (good().listen("{x}:1"), "in `{x}:1` of `listen`: unknown", InvalidInput),
        (good().fail_on("x"), "needs a condition", InvalidInput),
        (good().notify().fail_on("("), "regular expression", InvalidInput),
        (good().notify().fail_on(""), "empty", InvalidInput),
        (good().timeout(Duration::ZERO), "`timeout` is zero", InvalidInput),
        (good().stop_timeout(Duration::ZERO), "`stop_timeout` is zero", InvalidInput),
        (good().stop_signal(Signal::new(0)), "stop_signal", InvalidInput),
        (good().kill_signal(Signal::new(99)), "kill_signal", InvalidInput),
        (good().expect_exit(256), "256", InvalidInput),
        (good().expect_exit(-100), "-100", InvalidInput),
        (with("nonsuch-program"), "no program `nonsuch-program`", NotFound),
        (with("/nonsuch/program"), "/nonsuch/program", NotFound),
        (good().env("PATH", "/nonsuch"), "no program `sleep`", NotFound),
        (good().current_dir("/nonsuch"), "no directory `/nonsuch`", NotFound),
        (good().current_dir("/etc/passwd"), "not a directory", NotFound),
        (with("/etc/passwd"), "chmod +x", PermissionDenied),
        (with("/etc"), "is a directory", PermissionDenied),
    ]
}

#[test]
fn a_faulty_description_is_an_error_that_says_what_is_wrong() {
    for (executor, word, kind) in table() {
        let error = executor.start().expect_err(word);
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(format!("{error:?}").contains(word), "`{word}` is not in: {error:?}");
    }
    assert_eq!(processes_with_mark("bad-input-mark"), []);
}

#[test]
fn a_script_without_its_interpreter_says_so() {
    let directory = scratch_dir();
    let script = directory.join("script");
    std::fs::write(&script, "#!/nonsuch/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = Executor::new([&script]).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("interpreter"), "{error}");
}

#[test]
fn an_endless_time_limit_is_no_fault() {
    let executor = with("sleep 60").timeout(Duration::MAX).stop_timeout(Duration::MAX);
    let mut process = executor.start().unwrap();
    process.stop().unwrap();
}

//! Commands and closures that run when a process is ready.

use std::fs;
use std::path::Path;
use std::thread;

use mirakuru_core::{ErrorKind, Executor, Process, Shared};
use mirakuru_tests::starting::{
    LONG, SHORT, StartSoon, fails, kill_supervisor, mark, nothing_left, pids, reports, soon,
};
use mirakuru_tests::{alive, bin, scratch_dir};

fn sleeps() -> Executor {
    Executor::new("sleep 300")
}

fn serves() -> Executor {
    let server = Executor::new([bin!("mk-http-server"), "{port}"]);
    server.http("http://127.0.0.1:{port}/").timeout(LONG)
}

/// Returns a command that adds a line to a file of the process.
fn adds(line: &str) -> [String; 3] {
    ["sh".to_owned(), "-c".to_owned(), format!("echo {line} >> {{dir}}/lines")]
}

fn lines(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("lines")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Adds a line to the file as `adds` does.
fn add(process: &Process, line: &str) {
    let text = lines(process.dir()).join("\n");
    fs::write(process.dir().join("lines"), format!("{text}\n{line}\n").trim_start()).unwrap();
}

#[test]
fn commands_and_then_closures_run_when_all_conditions_hold() {
    let server = Executor::shell("sleep 0.2; echo server >> {dir}/lines; echo up; exec sleep 300");
    let server = server.output("up").after_ready(adds("one")).after_ready_with(|process| {
        add(process, "three");
        Ok::<_, String>(())
    });
    let process = server.after_ready(adds("two")).start_soon();
    assert_eq!(lines(process.dir()), ["server", "one", "two", "three"]);
}

#[test]
fn a_command_can_use_the_process_and_what_it_has_chosen() {
    let server =
        Executor::new([bin!("mk-http-server"), "0"]).output(r"listening on .*:(?<port>\d+)");
    let process = server.timeout(LONG).after_ready("echo port {port}, {dir}").start_soon();
    let (port, dir) = (process.port(), process.dir().display());
    let log = process.log().read().unwrap();
    assert!(log.ends_with(&format!("port {port}, {dir}\n")), "{log}");
}

#[tokio::test]
async fn a_closure_of_an_async_test_may_block_on_a_runtime() {
    let server = sleeps().after_ready_with(|_| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { Ok::<_, String>(()) })
    });
    server.start_soon();
}

#[test]
fn nothing_runs_again_at_a_restart() {
    let server = sleeps().after_ready(adds("command")).after_ready_with(|process| {
        add(process, "closure");
        Ok::<_, String>(())
    });
    let mut process = server.start_soon();
    soon(|| process.restart()).unwrap();
    soon(|| process.stopped(|| ())).unwrap();
    assert_eq!(lines(process.dir()), ["command", "closure"]);
}

#[test]
fn everything_runs_again_below_a_new_supervisor_which_has_a_new_directory() {
    let server = sleeps().before_start(adds("before")).after_ready(adds("after"));
    let server = server.file("{dir}/lines", "file\n").after_ready_with(|process| {
        add(process, "closure");
        Ok::<_, String>(())
    });
    let mut process = server.start_soon();
    kill_supervisor(&process);
    soon(|| process.restart()).unwrap();
    assert_eq!(lines(process.dir()), ["file", "before", "after", "closure"]);
}

#[test]
fn a_command_that_fails_stops_the_process_and_is_the_error() {
    let mark = mark();
    let server = Executor::shell(format!("sleep 300; : {mark}")).name("server");
    let server = server.after_ready(["sh", "-c", "echo no table; exit 2"]).after_ready("sleep 300");
    let error = fails(&server, ErrorKind::Failed);
    let what = "server: after_ready failed: `sh -c 'echo no table; exit 2'` exited with code 2";
    assert_eq!(error.to_string(), what);
    reports(&error, &["running as pid", "no table"]);
    nothing_left(&mark);
}

#[test]
fn a_program_that_is_missing_fails_the_start_before_anything_runs() {
    let temp = scratch_dir();
    let server = Executor::shell(format!("touch {}/ran; sleep 300", temp.display()));
    for server in [server.clone().after_ready("no-such-program"), server.reset("no-such-program")] {
        reports(&fails(&server, ErrorKind::NotFound), &["no-such-program"]);
    }
    assert!(!temp.join("ran").exists());
}

#[test]
fn a_program_that_nothing_has_made_is_named() {
    let error = fails(&sleeps().after_ready("{dir}/program"), ErrorKind::NotFound);
    reports(&error, &["/program"]);
}

#[test]
fn a_command_takes_part_of_the_time_limit() {
    let mark = mark();
    let server = sleeps().timeout(SHORT).after_ready(["sh", "-c", "sleep 300", &mark]);
    let error = fails(&server, ErrorKind::Timeout);
    let what =
        format!("not ready within 0.600 s: `sh -c 'sleep 300' {mark}` of after_ready still runs");
    reports(&error, &[&what]);
    nothing_left(&mark);
}

#[test]
fn a_process_that_ends_meanwhile_is_the_error() {
    let mark = mark();
    let server = Executor::shell("echo up; read line < {dir}/fifo; exit 7").output("up");
    let command = format!("echo > {{dir}}/fifo; sleep 300; : {mark}");
    let server = server.before_start("mkfifo {dir}/fifo").after_ready(["sh", "-c", &command]);
    let error = fails(&server, ErrorKind::Exited);
    reports(&error, &["ended while `sh -c", "exited with code 7"]);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn what_a_command_leaves_behind_ends_with_the_process() {
    let command = "setsid sleep 300 & echo left $!";
    let mut process = sleeps().after_ready(["sh", "-c", command]).start_soon();
    let left = pids(&process, "left ")[0];
    assert!(alive(left) && process.is_running());
    soon(|| process.stop()).unwrap();
    assert!(!alive(left));
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_is_the_main_process_and_a_command_is_not() {
    // The launcher ends while the command runs.
    let server = Executor::shell("setsid sleep 300 & echo main $!; read line < {dir}/fifo");
    let server = server.output("main").before_start("mkfifo {dir}/fifo");
    let process = server.after_ready(["sh", "-c", "echo > {dir}/fifo; sleep 0.3"]).start_soon();
    assert_eq!([process.pid()], *pids(&process, "main "));
}

#[test]
fn a_closure_that_fails_stops_the_process_and_is_the_error() {
    let mark = mark();
    let server = Executor::shell(format!("sleep 300; : {mark}")).name("server");
    let error = fails(&server.after_ready_with(|_| Err("no such table")), ErrorKind::Failed);
    assert_eq!(error.to_string(), "server after_ready_with failed: no such table");
    reports(&error, &["running as pid"]);
    nothing_left(&mark);
}

#[test]
fn a_closure_that_panics_stops_the_process_and_is_the_error() {
    let mark = mark();
    let server = Executor::shell(format!("sleep 300; : {mark}")).name("server");
    let server = server.after_ready_with(|_| -> Result<(), String> { panic!("in the closure") });
    let error = fails(&server, ErrorKind::Failed);
    let what = "server after_ready_with failed: it panicked: in the closure";
    assert_eq!(error.to_string(), what);
    nothing_left(&mark);
}

fn slowly_set_up() -> Executor {
    let server = serves().after_ready(["sh", "-c", "sleep 0.3; echo command >> {dir}/lines"]);
    server.after_ready_with(|process| {
        add(process, "closure");
        Ok::<_, String>(())
    })
}

#[test]
fn no_test_gets_a_shared_process_before_it_is_set_up_once() {
    static SERVER: Shared = Shared::new(slowly_set_up);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let lease = SERVER.lease().unwrap();
                assert_eq!(lines(lease.dir()), ["command", "closure"]);
            });
        }
    });
}

fn never_set_up() -> Executor {
    sleeps().name("server").after_ready_with(|process| -> Result<(), String> {
        panic!("the process {}", process.pid())
    })
}

#[test]
fn a_panic_in_a_closure_is_kept_for_the_other_tests() {
    static SERVER: Shared = Shared::new(never_set_up);
    let lease = || SERVER.lease().unwrap_err().to_string();
    let first = soon(lease);
    assert!(first.contains("after_ready_with failed: it panicked: the process "), "{first}");
    assert_eq!(soon(lease), first); // No other process was started.
}

//! `pid_file`: a file appears, and names a process of ours.

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};
use mirakuru_tests::{bin, scratch_dir};

#[test]
fn a_file_that_comes_late_is_waited_for() {
    let executor = Executor::shell("sleep 0.2; : > $READY_MARK; touch {dir}/pid; sleep 300");
    let process = executor.pid_file("{dir}/pid").timeout(LONG).start_when_ready();
    assert!(process.is_running());
    assert!(process.dir().join("pid").is_file());
}

#[test]
fn a_file_that_stays_empty_counts_soon() {
    for _ in 0..5 {
        let executor = Executor::new([bin!("mk-pid-file"), "{dir}/pid", "--empty"]);
        let process = executor.pid_file("{dir}/pid").timeout(LONG).start_when_ready();
        assert_eq!(process.dir().join("pid").metadata().unwrap().len(), 0);
    }
}

#[test]
fn a_file_with_the_pid_of_the_server_is_waited_for() {
    let dir = scratch_dir();
    let path = dir.join("pid");
    let executor = Executor::new([bin!("mk-pid-file"), "--delay", "200"]).arg(&path);
    assert!(!path.exists());
    let mut process = executor.pid_file(&path).timeout(LONG).start_when_ready();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim(), process.pid().to_string());
    process.stop().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    for path in ["", "/", ".."] {
        let mark = mark();
        let executor = Executor::shell(format!("sleep 300 # {mark}")).pid_file(path);
        fails(&executor.timeout(SHORT), ErrorKind::InvalidInput);
        nothing_left(&mark);
    }
}

#[test]
fn a_file_that_comes_too_late_is_a_timeout() {
    let mark = mark();
    let server = [bin!("mk-pid-file"), "{dir}/pid", "--delay", "60000", "--mark", &mark];
    fails(&Executor::new(server).pid_file("{dir}/pid").timeout(SHORT), ErrorKind::Timeout);
    nothing_left(&mark);
}

#[test]
fn a_second_server_with_the_same_file_is_refused_without_a_word_about_ports() {
    let first = Executor::new([bin!("mk-pid-file"), "{dir}/pid"]);
    let first = first.pid_file("{dir}/pid").start_when_ready();
    let path = first.dir().join("pid");
    let second = Executor::new([bin!("mk-pid-file")]).arg(&path).pid_file(&path);
    let error = fails(&second, ErrorKind::AlreadyRunning);
    let text = error.to_string();
    assert!(text.contains("already running") && text.contains("/pid"), "{text}");
    assert!(text.contains(&format!("pid {}", first.pid())), "{text}");
    assert!(!text.contains(" port"), "{text}");
    assert!(first.is_running() && path.exists());
}

#[test]
fn a_pid_that_is_written_digit_by_digit_is_read_when_it_is_whole() {
    for end in ["", "echo >&3;"] {
        let write = "exec 3>{dir}/pid; for digit in $(echo $$ | sed 's/./& /g'); do \
                     printf $digit >&3; sleep 0.03; done;";
        let executor = Executor::shell(format!("{write} {end} : > $READY_MARK; exec sleep 300"));
        let process = executor.pid_file("{dir}/pid").timeout(LONG).start_soon();
        let text = std::fs::read_to_string(process.dir().join("pid")).unwrap();
        assert_eq!(text.trim(), process.pid().to_string());
    }
}

#[test]
fn a_pid_without_a_line_break_is_one_too() {
    let executor = Executor::shell("printf $$ > {dir}/pid; exec sleep 300");
    executor.pid_file("{dir}/pid").timeout(LONG).start_soon();
    let stranger = std::process::id();
    let executor = Executor::shell(format!("printf {stranger} > {{dir}}/pid; exec sleep 300"));
    fails(&executor.pid_file("{dir}/pid").timeout(LONG), ErrorKind::AlreadyRunning);
}

#[test]
fn the_pid_of_the_supervisor_does_not_count() {
    let executor = Executor::shell("echo $PPID > {dir}/pid; exec sleep 300");
    let error = fails(&executor.pid_file("{dir}/pid").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["the parent of the server", "$PPID"]);
}

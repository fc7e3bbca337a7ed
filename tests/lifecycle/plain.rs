//! A process without a condition: its description, its run and its stop.

use std::fs;

use mirakuru_core::{ErrorKind, Executor, Signal};
use mirakuru_tests::alive;
use mirakuru_tests::starting::{LONG, StartSoon, ended, fails, mark, marked, nothing_left, soon};

#[test]
fn a_command_in_one_text_runs_until_it_is_stopped() {
    let mut process = Executor::new("sleep 300").start_soon();
    let pid = process.pid();
    assert!(process.is_running() && alive(pid));
    let exit = soon(|| process.stop()).unwrap();
    assert_eq!(exit.signal(), Some(Signal::TERM));
    assert!(!process.is_running() && !alive(pid));
}

#[test]
fn a_command_in_words_runs_until_it_is_stopped() {
    let mut process = Executor::new(["sleep", "300"]).start_soon();
    assert!(process.is_running());
    process.stop().unwrap();
    assert!(!process.is_running());
}

#[test]
fn a_text_and_words_give_the_same_command() {
    for executor in
        [Executor::new("sleep 300"), Executor::new(["sleep", "300"]), Executor::new("sl'ee'p 300")]
    {
        let process = executor.start_soon();
        let arguments = fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap();
        assert_eq!(arguments, b"sleep\x00300\x00", "{executor:?}");
    }
}

#[test]
fn a_command_of_a_megabyte_reaches_the_process() {
    let long = "x".repeat(100_000);
    let script = "printf %s \"$*\" | wc -c; exec sleep 300";
    let executor = Executor::new(["sh", "-c", script, "sh"]).args(vec![&long; 10]);
    let process = executor.output(r"^\s*1000009$").start_soon();
    assert!(process.is_running());
}

#[test]
fn descriptions_and_processes_say_in_debug_what_they_are() {
    let executor = Executor::new("sleep 300");
    let text = format!("{executor:?}");
    assert!(text.starts_with("Executor") && text.contains("sleep 300"), "{text}");

    let mut process = executor.start_soon();
    let text = format!("{process:?}");
    let pid = process.pid().to_string();
    assert!(text.starts_with("Process") && text.contains("sleep"), "{text}");
    assert!(text.contains(&pid), "{text}");
    process.stop().unwrap();
    assert!(format!("{process:?}").contains("SIGTERM"), "{process:?}");
}

#[test]
fn the_stop_signal_of_the_description_is_sent() {
    let mut process = Executor::new("sleep 300").stop_signal(Signal::QUIT).start_soon();
    assert!(process.is_running());
    assert_eq!(process.stop().unwrap().signal(), Some(Signal::QUIT));
    assert!(!process.is_running());
}

#[test]
fn another_signal_stops_it_as_well() {
    let mut process = Executor::new("sleep 300").start_soon();
    let exit = process.stop_with(Signal::QUIT).unwrap();
    assert_eq!(exit.signal(), Some(Signal::QUIT));
    assert!(!process.is_running());
}

#[test]
fn a_failure_before_the_stop_is_reported_by_it_once() {
    let mut process = Executor::shell("exit 5").start_soon();
    ended(&mut process);
    assert!(!process.is_running());
    let error = process.stop_with(Signal::QUIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert_eq!(error.exit().unwrap().code(), Some(5));
    assert_eq!(process.stop_with(Signal::QUIT).unwrap().code(), Some(5));
}

#[test]
fn an_expected_signal_is_no_error_of_a_stop_nor_of_the_next() {
    let mut process = Executor::new("sleep 300").expect_exit(-3).start_soon();
    process.stop_with(Signal::QUIT).unwrap();
    assert!(!process.is_running());
    process.stop().unwrap();
}

#[test]
fn a_process_runs_until_the_end_of_its_block() {
    let pid = {
        let process = Executor::new("sleep 300").start_soon();
        assert!(process.is_running() && alive(process.pid()));
        process.pid()
    };
    assert!(!alive(pid));
}

#[test]
fn it_is_stopped_for_a_while() {
    let mut process = Executor::new("sleep 300").start_soon();
    let before = process.pid();
    let was_alive = process.stopped(|| alive(before)).unwrap();
    assert!(!was_alive);
    assert!(process.is_running() && alive(process.pid()));
    assert_ne!(process.pid(), before);
    process.stop().unwrap();
    assert!(!process.is_running());
}

#[test]
fn its_output_is_read_and_a_good_end_is_no_error() {
    for executor in [
        Executor::new("echo \"foobar\""),
        Executor::new(["echo", "foobar"]),
        Executor::shell("echo \"foobar\""),
    ] {
        let mut process = executor.start_soon();
        assert!(ended(&mut process).success());
        assert_eq!(process.log().read().unwrap(), "foobar\n", "{executor:?}");
        assert!(process.stop().unwrap().success());
    }
}

#[test]
fn words_are_never_split_nor_run_by_a_shell() {
    let mut process = Executor::new(["echo", "foo  bar", "; exit 3 #"]).start_soon();
    assert!(ended(&mut process).success());
    assert_eq!(process.log().read().unwrap(), "foo  bar ; exit 3 #\n");

    let mut script = Executor::shell("echo \"$0\"").arg("foo  bar; exit 3").start_soon();
    assert!(ended(&mut script).success());
    assert_eq!(script.log().read().unwrap(), "foo  bar; exit 3\n");
}

#[test]
fn without_a_condition_it_is_ready_when_its_program_runs() {
    let process = Executor::new("sleep 300").start_soon();
    assert!(alive(process.pid()));
    fails(&Executor::new("there-is-no-such-program-here"), ErrorKind::NotFound);
}

#[test]
fn a_description_alone_starts_nothing() {
    let mark = mark();
    let executor = Executor::shell(format!("sleep 300 && true # {mark}"));
    assert_eq!(marked(&mark), []);
    let process = executor.start_soon();
    assert!(marked(&mark).contains(&process.pid()));
}

#[test]
fn a_process_that_was_not_stopped_is_gone_when_it_is_dropped() {
    let mark = mark();
    let process = Executor::shell(format!("sleep 300 && true # {mark}")).start_soon();
    assert!(!marked(&mark).is_empty());
    drop(process);
    assert_eq!(marked(&mark), []);
}

#[test]
fn stops_and_kills_follow_each_other_in_any_order() {
    let mark = mark();
    let mut process = Executor::shell(format!("echo here; sleep 300 # {mark}")).start_soon();
    process.log().wait_for("here", LONG).unwrap();
    let exit = process.stop().unwrap();
    assert_eq!(process.kill().unwrap(), exit);
    assert_eq!(process.stop().unwrap(), exit);
    assert!(!process.is_running());
    assert_eq!(process.log().read().unwrap(), "here\n");
    assert!(process.stopped(|| true).unwrap());
    assert!(process.is_running());
    drop(process);
    nothing_left(&mark);
}

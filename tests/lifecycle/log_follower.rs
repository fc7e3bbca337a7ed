//! Reading output line by line.

use std::io::Write;
use std::time::Duration;

use mirakuru_rstest::{Banner, ErrorKind, Executor, Stdin, Stream};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

#[test]
fn each_match_is_searched_for_after_the_one_before() {
    let script = "for i in 1 2 3; do echo job $i begins; echo job $i ends; done; exec sleep 300";
    let process = Executor::shell(script).output("job 3 ends").start().unwrap();
    let mut log = process.log().follow();
    assert_eq!(log.next_match("ends$", LONG).unwrap(), "job 1 ends");
    assert_eq!(log.next_match("begins$", LONG).unwrap(), "job 2 begins");
    assert_eq!(log.next_match("ends$", LONG).unwrap(), "job 2 ends");
    assert_eq!(log.next_match("3", LONG).unwrap(), "job 3 begins");
    assert_eq!(log.next_match("3", LONG).unwrap(), "job 3 ends");
    let error = log.next_match("3", SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("no further line of output matched `3`"), "{error:?}");
    assert!(format!("{error:?}").contains("job 1 begins"), "the report shows all: {error:?}");
}

#[test]
fn a_search_without_a_match_does_not_move_the_place() {
    let process = Executor::shell("echo one; echo two; exec sleep 300").output("two");
    let process = process.start().unwrap();
    let mut log = process.log().follow();
    assert_eq!(log.next_match("three", SHORT).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(log.next_match("(", SHORT).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(log.next_match("one", LONG).unwrap(), "one");
}

#[test]
fn a_copy_goes_on_by_itself() {
    let process = Executor::shell("echo 1; echo 2; exec sleep 300").output("2").start().unwrap();
    let mut log = process.log().follow();
    log.next_match("1", LONG).unwrap();
    let mut copy = log.clone();
    assert_eq!(copy.next_match(".", LONG).unwrap(), "2");
    assert_eq!(log.next_match(".", LONG).unwrap(), "2");
}

#[test]
fn an_unfinished_line_is_returned_once() {
    let executor = Executor::new([mirakuru_tests::bin!("mk-prompt")]).stdin(Stdin::Piped);
    let mut process = executor.start().unwrap();
    let mut stdin = process.take_stdin().unwrap();
    let mut log = process.log().follow();
    let prompt = log.next_match("> $", LONG).unwrap();
    assert_eq!(log.next_match("> $", SHORT).unwrap_err().kind(), ErrorKind::Timeout);
    writeln!(stdin, "hello").unwrap();
    assert!(log.next_match("> $", LONG).unwrap().ends_with(&prompt));
}

#[test]
fn what_was_written_before_can_be_skipped() {
    let executor = Executor::shell("echo ready; while read word; do echo got $word; done");
    let mut process = executor.stdin(Stdin::Piped).output("ready").start().unwrap();
    let mut stdin = process.take_stdin().unwrap();
    for word in ["a", "b"] {
        let mut log = process.log().follow();
        log.skip_to_end();
        writeln!(stdin, "{word}").unwrap();
        assert_eq!(log.next_match("^got", LONG).unwrap(), format!("got {word}"));
    }
}

#[test]
fn lines_that_a_process_wrote_before_it_ended_are_found() {
    let mut process = Executor::shell("echo one; echo two").start().unwrap();
    process.wait_timeout(LONG).unwrap();
    let mut log = process.log().follow();
    assert_eq!(log.next_match(".", LONG).unwrap(), "one");
    assert_eq!(log.next_match(".", LONG).unwrap(), "two");
    assert_eq!(log.next_match(".", LONG).unwrap_err().kind(), ErrorKind::Exited);
}

#[test]
fn a_separate_standard_error_has_a_path_and_is_followed_too() {
    let script = "echo out; echo err >&2; echo out again; exec sleep 300";
    let together = Executor::shell(script).output("again").start().unwrap();
    assert_eq!(together.log().stderr_path(), None);

    let apart = Executor::shell(script).output(Banner::new("again").on(Stream::Stdout));
    let apart = apart.output(Banner::new("err").on(Stream::Stderr)).start().unwrap();
    let log = apart.log();
    let stderr = std::fs::read_to_string(log.stderr_path().unwrap()).unwrap();
    assert_eq!(stderr, "err\n");
    assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "out\nout again\n");
    let mut log = log.follow();
    assert_eq!(log.next_match(".", LONG).unwrap(), "out");
    assert_eq!(log.next_match("err", LONG).unwrap(), "err");
    assert_eq!(log.next_match("out", LONG).unwrap(), "out again");
}

#[test]
fn a_line_that_is_written_again_is_the_next_one() {
    let script = r"printf '10%%\r20%%\r\ndone\r\n'; exec sleep 300";
    let process = Executor::shell(script).output("done").start().unwrap();
    let mut log = process.log().follow();
    let lines = [(); 3].map(|()| log.next_match("^.*$", LONG).unwrap());
    assert_eq!(lines, ["10%", "20%", "done"]);
}

#[test]
fn the_last_lines_of_a_long_log_are_read_from_its_end() {
    let script = "head -c 100000 /dev/zero | tr '\\0' x; echo; echo b; printf c; echo err >&2";
    let mut process = Executor::shell(script).output(Banner::new("c").on(Stream::Stdout));
    process = process.output(Banner::new("err").on(Stream::Stderr));
    let process = process.start().unwrap();
    let log = process.log();
    let tail = |n| log.tail(n).unwrap();
    assert_eq!((tail(0).as_str(), tail(1).as_str(), tail(3).as_str()), ("", "err", "b\nc\nerr"));
    assert_eq!((tail(4).len(), tail(4)), (100_000 + 8, tail(5)));

    // A sparse file of 100 GiB, which no one could read in this time.
    let file = std::fs::OpenOptions::new().append(true).open(log.stderr_path().unwrap()).unwrap();
    file.set_len(100 << 30).unwrap();
    (&file).write_all(b"\nlast\n").unwrap();
    assert_eq!(tail(1), "last");
    file.set_len(0).unwrap();
}

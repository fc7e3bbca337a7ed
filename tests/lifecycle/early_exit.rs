//! Starts that fail because the process exits, and the exports of the two crates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mirakuru_core::{Attempt, Error, ErrorKind, Executor, Signal};
use mirakuru_tests::bin;
use mirakuru_tests::starting::{LONG, fails, mark, nothing_left, reports};

#[test]
fn a_failure_before_ready_carries_its_code() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let never = move |_: &Attempt<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
        false
    };
    let executor = Executor::new(["bash", "-c", "exit 12"]).probe(never).timeout(LONG);
    let error = fails(&executor, ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().code(), Some(12));
    assert!(error.to_string().contains("exited with code 12"), "{error}");
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_good_end_before_ready_is_an_error_at_once() {
    let executor = Executor::new(["bash", "-c", "exit 0"]).probe(|_: &Attempt<'_>| false);
    let error = fails(&executor.timeout(LONG), ErrorKind::Exited);
    assert!(error.exit().unwrap().success());
    assert!(error.to_string().contains("exited with code 0"), "{error}");
}

#[test]
fn a_signal_before_ready_is_reported() {
    let executor = Executor::shell("kill -KILL $$").output("ready").timeout(LONG);
    let error = fails(&executor, ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().signal(), Some(Signal::KILL));
    assert!(error.to_string().contains("SIGKILL"), "{error}");
}

#[test]
fn what_the_launcher_left_goes_when_the_launcher_fails() {
    let mark = mark();
    let script = format!("sh -c 'sleep 300 # {mark}' & exit 4");
    let executor = Executor::shell(script).probe(|_: &Attempt<'_>| false).timeout(LONG);
    let error = fails(&executor, ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().code(), Some(4));
    nothing_left(&mark);
}

#[test]
fn a_faulty_description_starts_nothing_and_says_why() {
    let mark = mark();
    let server = || Executor::new([bin!("mk-tcp-server"), "{port}", "--mark", &mark]);
    for (executor, why) in [
        (server().http("127.0.0.1:80/"), "http://"),
        (server().http("http://"), "host"),
        (server().http("http:///path"), "host"),
        (server().http("http://127.0.0.1:{port}/a b"), "white space"),
        (server().tcp("127.0.0.1"), "port"),
        (server().tcp("127.0.0.1:{prot}"), "{prot}"),
        (server().output("("), "regular expression"),
        (server().arg("{oops}"), "{{oops}}"),
    ] {
        let error = fails(&executor, ErrorKind::InvalidInput);
        reports(&error, &[why]);
        assert!(error.exit().is_none());
    }
    nothing_left(&mark);
}

#[test]
fn both_crates_export_the_same_names() {
    macro_rules! same {
        ($($name:ident)*) => {
            $(let _: fn(mirakuru_rstest::$name) -> mirakuru_core::$name = |it| it;)*
        };
    }
    same! {
        Banner CommandLine Error ErrorKind ExclusiveLease Executor Exit Http Stdin Lease Log Process
        Readiness Scope Shared Signal Status Stream ParseSignalError
    }
    fn is_probe<P: mirakuru_core::Probe + mirakuru_rstest::Probe>(_: P) {}
    is_probe(|_: &mirakuru_rstest::Attempt<'_>| true);
    let _: mirakuru_rstest::Result<()> = Ok::<(), Error>(());
}

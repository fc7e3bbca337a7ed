//! Probes: the user's own conditions.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mirakuru_rstest::{Attempt, ErrorKind, Executor, Probe, Readiness, Shared};
use mirakuru_tests::starting::{LONG, StartSoon, fails, reports, restart_when_ready};

#[test]
fn a_probe_is_asked_until_it_holds() {
    let script = "sleep 0.2; : > $READY_MARK; : > {dir}/up; exec sleep 300";
    let is_up = |attempt: &Attempt<'_>| attempt.dir().unwrap().join("up").exists();
    let mut process = Executor::shell(script).probe(is_up).timeout(LONG).start_when_ready();
    std::fs::remove_file(process.dir().join("up")).unwrap();
    restart_when_ready(&mut process);
}

#[test]
fn a_later_start_polls_more_rarely() {
    static POLLS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());
    // A probe without values, so that the definition is known again at the next start.
    let is_up = |attempt: &Attempt<'_>| {
        POLLS.lock().unwrap().push(Instant::now());
        attempt.dir().unwrap().join("up").exists()
    };
    let server = Executor::shell("sleep 0.6; : > {dir}/up; exec sleep 300").probe(is_up);
    // No earlier run of this test had it.
    let server = server.env("RUN", format!("{:?}", SystemTime::now())).timeout(LONG);
    server.start().unwrap();
    POLLS.lock().unwrap().clear();
    server.start().unwrap();
    let polls = POLLS.lock().unwrap();
    let is_early = |at: &&Instant| (50..500).contains(&at.duration_since(polls[0]).as_millis());
    let early: Vec<_> = polls.iter().filter(is_early).collect();
    let shortest = early.windows(2).map(|two| two[1].duration_since(*two[0])).min();
    // The steps of a first start are 1 ms. A loaded machine makes all of them longer, but not shorter.
    assert!(shortest.is_none_or(|step| step >= Duration::from_millis(5)), "{shortest:?}");
}

#[test]
fn a_probe_that_gives_up_ends_the_start_at_once() {
    let gives_up =
        |_: &Attempt<'_>| Readiness::Failed("the schema is of a newer version".to_owned());
    let began = Instant::now();
    let error = fails(&Executor::new("sleep 300").probe(gives_up).timeout(LONG), ErrorKind::Failed);
    assert!(began.elapsed() < LONG / 2);
    assert_eq!(error.to_string(), "sleep: will not be ready: the schema is of a newer version");
}

#[test]
fn a_panic_in_a_probe_is_kept_for_the_other_tests() {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    static SERVER: Shared = Shared::new(|| {
        Executor::new("sleep 300").probe(|_: &Attempt<'_>| -> bool {
            panic!("start {}", STARTS.fetch_add(1, Ordering::Relaxed))
        })
    });
    for _ in 0..2 {
        let error = SERVER.lease().unwrap_err();
        assert_eq!(error.to_string(), "sleep: will not be ready: it panicked: start 0");
    }
}

#[tokio::test]
async fn a_probe_of_an_async_test_may_block_on_a_runtime() {
    let blocks = |_: &Attempt<'_>| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { true })
    };
    Executor::new("sleep 300").probe(blocks).start_soon();
}

#[test]
fn an_attempt_can_be_printed() {
    let prints = |attempt: &Attempt<'_>| {
        let text = format!("{attempt:?}");
        text.contains("sleep") && text.contains(&attempt.pid().to_string())
    };
    Executor::new("sleep 300").probe(prints).timeout(LONG).start().unwrap();
}

fn with_value(value: u8) -> Executor {
    Executor::new("sleep 300").probe(move |_: &Attempt<'_>| value > 0)
}

#[test]
fn a_probe_that_captured_a_value_is_not_taken_for_another_one() {
    static ONE: Shared = Shared::new(|| with_value(1));
    let error = ONE.lease().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    reports(&error, &["holds values", "help: implement `Probe` for a type of your own"]);
    // Probes are compared only when a process is shared.
    with_value(1).start().unwrap();
}

struct Above(u8);

impl Probe for Above {
    fn check(&self, _: &Attempt<'_>) -> Readiness {
        (self.0 > 0).into()
    }

    fn identity(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[test]
fn probes_of_one_type_are_distinguished_by_their_identity() {
    static ONE: Shared = Shared::new(|| Executor::new("sleep 300").probe(Above(1)));
    static SAME: Shared = Shared::new(|| Executor::new("sleep 300").probe(Above(1)));
    static OTHER: Shared = Shared::new(|| Executor::new("sleep 300").probe(Above(2)));
    let (one, same, other) = (ONE.lease().unwrap(), SAME.lease().unwrap(), OTHER.lease().unwrap());
    assert_eq!(one.pid(), same.pid());
    assert_ne!(one.pid(), other.pid());
}

#[test]
fn two_closures_without_values_are_two_probes() {
    static ONE: Shared =
        Shared::new(|| Executor::new("sleep 300").probe(|_: &Attempt<'_>| true).timeout(LONG));
    static OTHER: Shared = Shared::new(|| {
        let slow = |_: &Attempt<'_>| Instant::now() > Instant::now() - Duration::from_secs(1);
        Executor::new("sleep 300").probe(slow).timeout(LONG)
    });
    assert_ne!(ONE.lease().unwrap().pid(), OTHER.lease().unwrap().pid());
}

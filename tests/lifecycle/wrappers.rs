//! Stopping a server below a wrapper that keeps the stop signal to itself.

use std::time::{Duration, Instant};

use mirakuru_core::{Executor, Signal};
use mirakuru_tests::starting::{LONG, SOON, StartSoon};

/// Prints a line when it is asked to end.
const SERVER: &str = "python3 -u -c 'import signal, sys
def bye(*_): print(\"saved\"); sys.exit()
signal.signal(signal.SIGTERM, bye)
signal.signal(signal.SIGINT, bye)
print(\"ready\")
while True: signal.pause()'";

/// Returns the log of a server that was asked to end, and how long that took.
#[track_caller]
fn stopped(wrapper: Executor, signal: Signal) -> (String, Duration) {
    let mut process = wrapper.output("^ready").timeout(LONG).start_soon();
    let began = Instant::now();
    let exit = process.stop_with(signal);
    let elapsed = began.elapsed();
    let log = process.log().read().unwrap();
    assert!(process.exit_status().is_some_and(|exit| !exit.was_killed()), "{exit:?}: {log}");
    (log, elapsed)
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_wrapper_that_ignores_the_signal_does_not_delay_it() {
    for wrapper in [
        format!("trap '' TERM; {SERVER}; true"),
        format!("trap '' TERM; setsid {SERVER} & wait"),
        format!("trap '' TERM; (trap '' TERM; {SERVER}; true); true"),
    ] {
        // A tenth of that is longer than the test allows.
        let wrapper = Executor::shell(wrapper).stop_timeout(LONG * 10);
        let (log, elapsed) = stopped(wrapper, Signal::TERM);
        assert!(log.contains("saved") && elapsed < SOON, "{elapsed:?}: {log}");
    }
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_wrapper_that_handles_the_signal_late_is_not_waited_for_to_the_end() {
    for wrapper in [
        Executor::shell(format!("trap 'echo cleanup; exit 0' TERM; {SERVER}; true")),
        Executor::new(["bash", "-i", "-c", &format!("{SERVER}; true")]),
    ] {
        let (log, _) = stopped(wrapper.stop_timeout(LONG / 2), Signal::TERM);
        assert!(log.contains("saved"), "{log}");
    }
}

#[test]
fn a_main_process_that_ends_its_children_itself_is_left_alone() {
    // Ignoring the signal before it is sent, or after that, is not ignoring it.
    for (early, late) in [("pass", "ignore()"), ("ignore()", "pass")] {
        let main = format!(
            "import signal, subprocess, sys, time
child = subprocess.Popen(['sh', '-c', 'trap \"echo asked; exit\" TERM; while :; do sleep 0.02; done'])
def ignore(): signal.signal(signal.SIGTERM, signal.SIG_IGN)
def bye(*_):
    {late}; time.sleep(0.2)
    child.kill(); child.wait(); print('done'); sys.exit()
{early}
print('ready', flush=True)
time.sleep(0.1)
signal.signal(signal.SIGTERM, bye)
print('handles it', flush=True)
while True: signal.pause()"
        );
        let main = Executor::new(["python3", "-c", &main]).output("^ready").timeout(LONG);
        let mut process = main.start_soon();
        process.log().wait_for("^handles it", LONG).unwrap();
        process.stop().unwrap();
        let log = process.log().read().unwrap();
        assert!(log.ends_with("done\n") && !log.contains("asked"), "{early}, {late}: {log}");
    }
}

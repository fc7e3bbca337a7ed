//! Each end of a test process with each shape of a server.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_tests::{eventually, scratch_dir};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::shape::SHAPES;
use crate::test_end::Ending;

/// How many test processes run at the same time.
const THREADS: usize = 4;
const LIMIT: Duration = Duration::from_secs(20);

/// Ends of the process by itself, and by a signal.
const ENDS: [(&str, Option<Signal>); 12] = [
    ("passes", None),
    ("fails", None),
    ("forgets", None),
    ("exits", None),
    ("aborts", None),
    ("panics in an aborting program", None),
    ("executes", None),
    ("TERM", Some(Signal::SIGTERM)),
    ("INT to its group", Some(Signal::SIGINT)),
    ("HUP", Some(Signal::SIGHUP)),
    ("QUIT", Some(Signal::SIGQUIT)),
    ("KILL", Some(Signal::SIGKILL)),
];

/// With these, everything has ended before the process has.
const ORDERLY: [&str; 4] = ["passes", "fails", "forgets", "exits"];

#[test]
fn no_end_leaves_anything_of_any_shape() {
    let cells: Vec<_> =
        ENDS.iter().flat_map(|end| SHAPES.iter().map(move |shape| (end, *shape))).collect();
    let next = AtomicUsize::new(0);
    let times = Mutex::new(vec![Duration::ZERO; cells.len()]);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(((end, signal), shape)) = cells.get(at) else { return };
                    let took = end_of(end, *signal, shape, at);
                    times.lock().unwrap()[at] = took;
                }
            });
        }
    });
    println!("{}", table(&times.into_inner().unwrap()));
}

/// Plays one cell, and returns the time from the end of the process to that of the last survivor.
fn end_of(end: &str, signal: Option<Signal>, shape: &str, number: usize) -> Duration {
    let temp = scratch_dir();
    let mark = format!("cell-{number}-{}", std::process::id());
    let mut tests = Ending::start(end, shape, &mark, &temp);
    let pid = Pid::from_raw(tests.process.pid() as i32);
    match signal {
        None => tests.process.go_on(),
        Some(Signal::SIGINT) => killpg(pid, Signal::SIGINT).unwrap(),
        Some(signal) => kill(pid, signal).unwrap(),
    }
    tests.process.wait();
    let ended = Instant::now();
    if ORDERLY.contains(&end) {
        assert_eq!(tests.survivors(&temp), [], "{shape}: left when a process that {end} has ended");
    }
    eventually(LIMIT, || tests.survivors(&temp).is_empty());
    let took = ended.elapsed();
    // The directory of a supervisor is removed with it.
    let is_left = |name: &str| name.starts_with("mirakuru-");
    let names = std::fs::read_dir(&*temp).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = names.filter(|name| is_left(&name.to_string_lossy())).collect();
    assert!(left.is_empty(), "{end}, {shape}: {left:?} is left");
    took
}

fn table(times: &[Duration]) -> String {
    let mut table =
        format!("{} cells, 0 survivors; the last process was gone after … ms\n", times.len());
    let width = ENDS.iter().map(|(end, _)| end.len()).max().unwrap();
    for (column, shape) in SHAPES.iter().enumerate() {
        writeln!(table, "{:width$}  ({}) {shape}", "", column + 1).unwrap();
    }
    let header: Vec<_> =
        (1..=SHAPES.len()).map(|column| format!("{:>5}", format!("({column})"))).collect();
    writeln!(table, "{:width$} {}", "", header.join(" ")).unwrap();
    for ((end, _), row) in ENDS.iter().zip(times.chunks(SHAPES.len())) {
        let row: Vec<_> = row.iter().map(|time| format!("{:>5}", time.as_millis())).collect();
        writeln!(table, "{end:width$} {}", row.join(" ")).unwrap();
    }
    table
}

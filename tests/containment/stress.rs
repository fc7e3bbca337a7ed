//! Test processes that are killed at random moments: while a supervisor or a server starts, during
//! a wait, a stop, a restart.

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Executor, Process};
use mirakuru_tests::{
    Random, bin, budget, eventually, processes_with_mark, scratch_dir, seed, test_process,
};

use crate::test_end;

const THREADS: usize = 4;
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_test_process_may_be_killed_at_any_moment() {
    let seed = seed();
    let end = Instant::now() + budget();
    let kills = AtomicUsize::new(0);
    let slowest = Mutex::new(Duration::ZERO);
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (kills, slowest) = (&kills, &slowest);
            scope.spawn(move || {
                let mut random = Random::new(seed ^ thread);
                while Instant::now() < end {
                    let took = kill_one(&mut random, thread);
                    kills.fetch_add(1, Ordering::Relaxed);
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = took.max(*slowest);
                }
            });
        }
    });
    let (kills, slowest) = (kills.into_inner(), slowest.into_inner().unwrap());
    println!(
        "{kills} kills, 0 survivors, 0 directories left; the slowest was cleared after {slowest:?}"
    );
    assert!(kills > 0);
}

/// Kills one test process at a random moment of its work, and returns the time until all of its
/// processes were gone.
fn kill_one(random: &mut Random, thread: u64) -> Duration {
    let temp = scratch_dir();
    let mark = format!("stress-{thread}-{}-{}", std::process::id(), random.below(1 << 30));
    let seed = random.below(1 << 30).to_string();
    let mut command = test_end::playing("stress::works_until_it_is_killed", &seed, &mark, &temp);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_up_to(&mut child, Duration::from_micros(random.below(80_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    eventually(LIMIT, || processes_with_mark(&mark).is_empty());
    let took = killed.elapsed();
    // A supervisor shows the mark on Linux only, and is the last one to end.
    eventually(LIMIT, || std::fs::read_dir(&*temp).unwrap().count() == 0);
    took
}

/// Waits for a time, or until the child exits.
fn wait_up_to(child: &mut Child, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
}

/// Plays a role for another test: starts, stops and restarts servers until it is killed.
#[test]
fn works_until_it_is_killed() {
    let Some(seed) = test_process::role() else { return };
    let mark = test_process::value("MARK");
    let mut random = Random::new(seed.parse().unwrap());
    loop {
        let mut process = executor(&mut random, &mark).start().unwrap();
        for _ in 0..random.below(4) {
            work(&mut process, &mut random);
        }
    }
}

fn executor(random: &mut Random, mark: &str) -> Executor {
    let tree = || Executor::new([bin!("mk-tree"), "--mark", mark]);
    // With the fallback, daemons and processes in other sessions escape.
    let shapes = if cfg!(mirakuru_fallback) { 2 } else { 4 };
    let executor = match random.below(shapes) {
        0 => {
            Executor::new([bin!("mk-tcp-server"), "{port}", "--mark", mark]).tcp("127.0.0.1:{port}")
        }
        1 => tree().args(["--children", "2", "--child-ignores-term"]).output("^ready$"),
        2 => tree().args(["--children", "3", "--setsid"]).output("^ready$"),
        _ => Executor::new([bin!("mk-daemon"), "--port", "{port}", "--mark", mark])
            .tcp("127.0.0.1:{port}"),
    };
    let executor = executor.env("DIR", "{dir}").stop_timeout(Duration::from_millis(50));
    if random.below(3) == 0 { set_up(executor, mark) } else { executor }
}

/// Adds a step of each kind, with children of its own where those can be found.
fn set_up(executor: Executor, mark: &str) -> Executor {
    let setsid = if cfg!(mirakuru_fallback) { "" } else { "setsid" };
    let spawns = format!("{setsid} sh -c 'sleep 600; : {mark}' & sleep 0.003; : {mark}");
    let step = ["sh", "-c", &spawns];
    let executor = executor.file("{dir}/a/b", "text").template(["sh", "-c", "echo > {dir}/c"]);
    executor.before_start(step).after_ready(step)
}

fn work(process: &mut Process, random: &mut Random) {
    match random.below(5) {
        0 => process.restart().unwrap(),
        1 => drop(process.kill().unwrap()),
        2 => drop(process.stop()),
        3 => process.stopped(|| ()).unwrap(),
        _ => drop(process.pause()),
    }
}

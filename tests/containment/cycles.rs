//! Hundreds of starts, one after the other, in one test process or by one supervisor.

use std::fs;

use mirakuru_rstest::Executor;
use mirakuru_tests::starting::LONG;
use mirakuru_tests::{eventually, test_process, this_test};

/// The descriptors, threads, children and memory of a process.
#[derive(Debug)]
struct Usage {
    descriptors: usize,
    threads: usize,
    children: usize,
    resident_kib: u64,
}

impl Usage {
    fn of(pid: u32) -> Self {
        let count = |name: &str| fs::read_dir(format!("/proc/{pid}/{name}")).unwrap().count();
        let resident = status(pid, "VmRSS:");
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let children =
            tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            children: children.map(|list| list.split_whitespace().count()).sum(),
            resident_kib: resident.trim_end_matches(" kB").parse().unwrap(),
        }
    }
}

/// Returns a value of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> String {
    let all = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    all.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

/// Runs in a process of its own, where no other test opens descriptors.
#[test]
fn five_hundred_cycles_use_up_nothing() {
    if test_process::role().is_none() {
        let output = test_process::playing(this_test!(), "alone").output().unwrap();
        let printed = test_process::printed(&output);
        assert!(output.status.success(), "{printed}");
        return println!("{printed}");
    }
    let executor = Executor::new("sleep 300");
    let cycles = |count: usize| (0..count).for_each(|_| drop(executor.start().unwrap()));
    // What is created once and kept exists after these.
    cycles(100);
    let before = Usage::of(std::process::id());
    cycles(500);
    // A descriptor of each supervisor that still exits is kept until the next stop.
    let mut after = Usage::of(std::process::id());
    eventually(LONG, || {
        cycles(1);
        after = Usage::of(std::process::id());
        after.descriptors <= before.descriptors
    });
    println!("before: {before:?}\nafter:  {after:?}");
    // The thread that removes old logs may still have run before.
    assert!(after.descriptors <= before.descriptors);
    assert!(after.threads <= before.threads);
    assert_eq!(before.children, after.children);
    assert!(after.resident_kib < before.resident_kib + 1024, "memory grew");
}

#[test]
fn a_hundred_restarts_use_up_nothing_of_the_supervisor() {
    // What the supervisor keeps of a start is multiplied by these.
    let variables = (0..2000).map(|number| (format!("VARIABLE_{number}"), "value"));
    let mut process = Executor::new("sleep 300").envs(variables).start().unwrap();
    let supervisor = status(process.pid(), "PPid:").parse().unwrap();
    let mut restart = |count: usize| (0..count).for_each(|_| process.restart().unwrap());
    restart(10);
    let before = Usage::of(supervisor);
    restart(100);
    let after = Usage::of(supervisor);
    println!("before: {before:?}\nafter:  {after:?}");
    // It may have one open for a moment, to read what the kernel says.
    assert!(after.descriptors < before.descriptors + 10);
    assert_eq!(after.children, before.children);
    assert!(after.resident_kib < before.resident_kib + 1024, "memory grew");
}

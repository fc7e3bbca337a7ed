//! Hundreds of starts, one after the other, in one test process.

use std::fs;

use mirakuru_rstest::Executor;
use mirakuru_tests::{test_process, this_test};

/// The descriptors, threads, children and memory of this process.
#[derive(Debug)]
struct Usage {
    descriptors: usize,
    threads: usize,
    children: usize,
    resident_kib: u64,
}

impl Usage {
    fn now() -> Self {
        let count = |path: &str| fs::read_dir(path).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        let children =
            tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: children.map(|list| list.split_whitespace().count()).sum(),
            resident_kib: resident.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }
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
    let before = Usage::now();
    cycles(500);
    let after = Usage::now();
    println!("before: {before:?}\nafter:  {after:?}");
    // The thread that removes old logs may still have run before.
    assert!(after.descriptors <= before.descriptors);
    assert!(after.threads <= before.threads);
    assert_eq!(before.children, after.children);
    assert!(after.resident_kib < before.resident_kib + 1024, "memory grew");
}

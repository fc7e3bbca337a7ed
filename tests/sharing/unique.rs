//! The name that a lease has for what a test has of its own in a shared server.

use std::collections::BTreeSet;

use mirakuru_rstest::Shared;

use crate::run::{Run, all_passed, run_all};

/// Plays a test: one lease alone, and another one beside a second one of the same test.
pub(crate) fn names_its_leases(shared: &Shared) {
    let alone = shared.exclusive().unwrap();
    println!("\nname {}", alone.unique());
    assert_eq!(alone.unique(), alone.unique());
    drop(alone);
    let (one, other) = (shared.lease().unwrap(), shared.lease().unwrap());
    assert_ne!(one.unique(), other.unique());
    println!("name {}", one.unique());
}

/// Runs so many test processes of one run at once, and returns the names of their leases.
fn names(processes: usize) -> Vec<String> {
    let run = Run::new();
    let tests = (0..processes).map(|_| run.test("names its leases")).collect();
    let outputs = run_all(tests, processes);
    all_passed(&outputs);
    run.finish();
    let printed = outputs.into_iter().map(|output| String::from_utf8(output.stdout).unwrap());
    let names = |text: String| -> Vec<_> {
        text.lines().filter_map(|line| line.strip_prefix("name ").map(str::to_owned)).collect()
    };
    printed.flat_map(names).collect()
}

#[test]
fn no_two_leases_of_any_process_and_run_have_the_same_name() {
    let names = [names(2), names(1)].concat();
    assert_eq!(names.len(), 12, "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[test]
fn a_name_begins_with_a_letter_and_is_short() {
    for name in names(1) {
        assert!(name.len() <= 20 && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
    }
}

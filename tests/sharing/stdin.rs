//! The piped standard input of a shared server.

use crate::run::{Run, all_passed, run_all};

#[track_caller]
fn one_after_the_other(run: &Run, roles: &[&str]) {
    roles.iter().for_each(|role| all_passed(&run_all(vec![run.test(role)], 1)));
}

#[test]
fn the_input_of_a_server_outlives_the_test_that_started_it() {
    let run = Run::new();
    one_after_the_other(&run, &["uses a piped server", "uses a piped server"]);
    assert_eq!(run.starts(), 1);
    run.finish();
}

#[test]
fn the_input_of_a_server_can_be_written_and_ended_by_a_later_test() {
    let run = Run::new();
    let uses = "uses a piped server";
    one_after_the_other(&run, &[uses, "ends the input", uses, "ends the input", uses]);
    assert_eq!(run.starts(), 3, "each end of the input is followed by a restart");
    run.finish();
}

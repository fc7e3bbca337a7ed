//! Many test processes at the same time.

use std::os::unix::fs::PermissionsExt;

use mirakuru_tests::{eventually, test_process};

use crate::run::{LONG, Run, all_passed, as_program, run_all};

#[test]
fn eighty_tests_of_two_binaries_share_one_session_server_and_one_server_each() {
    let mut run = Run::new();
    let other = run.other_binary();
    let mut commands = Vec::new();
    for number in 0..80 {
        let role = if number % 2 == 0 { "uses the session's" } else { "uses the binary's" };
        let mut command = run.test(role);
        if number < 40 {
            let mut same = as_program(&command, &other);
            same.args(command.get_args());
            command = same;
        }
        commands.push(command);
    }
    all_passed(&run_all(commands, 8));
    assert_eq!(run.starts(), 3, "one for the session, one for each binary");
    run.kill_runner();
    eventually(LONG, || run.stops() == 3);
    run.finish();
}

#[test]
fn sixty_four_processes_that_ask_at_once_are_one_start() {
    let run = Run::new();
    let commands = (0..64).map(|_| run.test("uses the session's")).collect();
    all_passed(&run_all(commands, 64));
    assert_eq!(run.starts(), 1);
    run.finish();
}

#[test]
fn a_failed_start_is_reported_to_all() {
    let run = Run::new();
    let commands = (0..16).map(|_| run.test("fails")).collect();
    let outputs = run_all(commands, 8);
    all_passed(&outputs);
    for output in &outputs {
        let printed = test_process::printed(output);
        for part in ["fails: exited with code 9", "command: /bin/sh", "waited for", "because"] {
            assert!(printed.contains(part), "`{part}` is not in {printed}");
        }
    }
    assert_eq!(run.starts(), 1);
}

#[test]
fn no_reader_overlaps_a_writer_and_none_waits_for_ever() {
    let run = Run::new();
    let roles = (0..48).map(|number| if number % 4 == 0 { "writes" } else { "reads" });
    all_passed(&run_all(roles.map(|role| run.test(role)).collect(), 12));
    let (mut readers, mut writers) = (0i32, 0i32);
    for event in run.events() {
        match event.rsplit_once(' ').unwrap().0 {
            "reader begins" => readers += 1,
            "reader ends" => readers -= 1,
            "writer begins" => writers += 1,
            "writer ends" => writers -= 1,
            other => panic!("{other}"),
        }
        assert!(writers == 0 || (writers == 1 && readers == 0), "{:#?}", run.events());
    }
    assert_eq!(run.events().len(), 96);
    run.finish();
}

#[test]
fn a_server_that_died_is_started_again_once() {
    let run = Run::new();
    all_passed(&run_all(vec![run.test("lets it crash")], 1));
    all_passed(&run_all((0..16).map(|_| run.test("uses the session's")).collect(), 8));
    assert_eq!(run.starts(), 2);
    run.finish();
}

#[test]
fn a_test_that_fails_shows_its_own_lines_of_a_server_that_another_has_started() {
    let run = Run::new();
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    let output = run.test("panics").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("--- session: running as pid"), "{printed}");
    assert!(printed.contains("GET /status/418"), "{printed}");
    assert!(!printed.contains("GET /pid"), "lines of another test: {printed}");
    run.finish();
}

#[test]
fn the_directory_of_a_session_is_for_this_user_alone() {
    let run = Run::new();
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    for directory in crate::run::session_directories(&run.temp) {
        let mode = directory.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", directory.display());
        // A directory that other users could have written to is not used.
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let output = run.test("uses the session's").output().unwrap();
    assert!(test_process::printed(&output).contains("of this user alone"));
}

#[test]
fn what_a_session_has_left_is_cleared_by_the_next() {
    let mut first = Run::new();
    all_passed(&run_all(vec![first.test("fails")], 1));
    first.kill_runner();
    let left = crate::run::session_directories(&first.temp);
    assert!(!left.is_empty(), "nothing was there to end the session");
    let second = Run::new();
    let mut next = second.test("uses the session's");
    next.env("TMPDIR", &*first.temp);
    all_passed(&run_all(vec![next], 1));
    assert!(!left.iter().any(|directory| directory.exists()), "{left:?}");
    second.finish();
}

#[test]
fn the_event_log_reports_a_death() {
    let run = Run::new();
    let output = run.test("lets it crash").env("MIRAKURU_LOG", "info").output().unwrap();
    let printed = test_process::printed(&output);
    for line in [
        "mirakuru: started session (pid",
        "mirakuru: leased session",
        "mirakuru: died: session exited with code 3",
    ] {
        assert!(printed.contains(line), "`{line}` is not in {printed}");
    }
    run.abandon();
}

#[test]
fn a_session_must_be_named_by_a_running_process() {
    let run = Run::new();
    for value in ["", "dev", "0", "-1", "999999999"] {
        let output =
            run.test("uses the session's").env("MIRAKURU_SESSION", value).output().unwrap();
        let printed = test_process::printed(&output);
        assert!(printed.contains("not the id of a running process"), "{value}: {printed}");
    }
}

#[test]
fn a_lease_of_a_running_server_costs_little() {
    let run = Run::new();
    let mut within = run.test("measures within one process");
    within.env_remove("NEXTEST_EXECUTION_MODE");
    for (command, where_) in
        [(within, "within one process"), (run.test("measures"), "across processes")]
    {
        let outputs = run_all(vec![command], 1);
        all_passed(&outputs);
        let printed = test_process::printed(&outputs[0]);
        println!("{where_}, {}", printed.lines().find(|line| line.starts_with("a lease")).unwrap());
    }
    run.finish();
}

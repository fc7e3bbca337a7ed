//! What a process gets: environment, directory, standard input, arguments.

use std::io::Write;
use std::path::Path;

use mirakuru_core::{Executor, Stdin};
use mirakuru_tests::starting::{StartSoon, ended};
use mirakuru_tests::{bin, scratch_dir};

/// Returns what `mk-env` prints: its directory, then its environment.
#[track_caller]
fn seen(executor: Executor) -> Vec<String> {
    let mut process = executor.start_soon();
    assert!(ended(&mut process).success());
    process.log().read().unwrap().lines().map(String::from).collect()
}

fn env_printer() -> Executor {
    Executor::new([bin!("mk-env")])
}

#[test]
fn variables_are_added_over_those_of_the_tests() {
    let seen = seen(env_printer().env("ONE", "1").envs([("TWO", "2"), ("ONE", "one")]));
    assert!(seen.contains(&String::from("ONE=one")) && seen.contains(&String::from("TWO=2")));
    let own = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    assert!(seen.contains(&format!("CARGO_MANIFEST_DIR={own}")), "{seen:?}");
}

#[test]
fn variables_are_taken_away() {
    let gone = |lines: &[String]| !lines.iter().any(|line| line.starts_with("CARGO_MANIFEST_DIR="));
    assert!(!gone(&seen(env_printer())));
    assert!(gone(&seen(env_printer().env_remove("CARGO_MANIFEST_DIR"))));
}

#[test]
fn a_cleared_environment_holds_only_what_is_set_after() {
    let mut seen = seen(env_printer().env("BEFORE", "1").env_clear().env("AFTER", "2"));
    // The library always sets its own mark.
    seen.retain(|line| !line.starts_with("MIRAKURU_PROCESS="));
    assert_eq!(seen[1..], ["AFTER=2"]);
}

#[test]
fn placeholders_stand_for_the_same_everywhere() {
    let executor = env_printer().env("PORT", "{port}").env("URL", "http://h:{port}/");
    let mut process = executor.start_soon();
    assert!(ended(&mut process).success());
    let log = process.log().read().unwrap();
    assert!(log.contains(&process.render("URL=http://h:{port}/\n").unwrap()), "{log}");
    assert!(log.contains(&format!("PORT={}\n", process.port())), "{log}");
}

#[test]
fn it_runs_in_the_given_directory() {
    let dir = scratch_dir();
    let real = dir.canonicalize().unwrap();
    assert_eq!(Path::new(&seen(env_printer().current_dir(&*dir))[0]), real);
    let own = std::env::current_dir().unwrap();
    assert_eq!(Path::new(&seen(env_printer())[0]), own);
}

#[test]
fn there_is_nothing_to_read_by_default() {
    let mut process = Executor::new([bin!("mk-cat")]).start_soon();
    assert!(ended(&mut process).success());
    assert_eq!(process.log().read().unwrap(), "");
    assert!(process.take_stdin().is_none());
}

#[test]
fn it_reads_text_files_and_what_is_written_to_it() {
    let dir = scratch_dir();
    let file = dir.join("input");
    std::fs::write(&file, "from a file").unwrap();
    for (input, text) in [
        (Stdin::from("from a text"), "from a text"),
        (Stdin::from(file.as_path()), "from a file"),
        (Stdin::Piped, "from a pipe"),
    ] {
        let mut process = Executor::new([bin!("mk-cat")]).stdin(input).start_soon();
        if let Some(mut stdin) = process.take_stdin() {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        assert!(ended(&mut process).success());
        assert_eq!(process.log().read().unwrap(), text);
    }
}

#[test]
fn both_streams_go_to_the_log_whatever_the_tests_do_with_theirs() {
    let mut process = Executor::shell("echo out; echo err >&2").start_soon();
    ended(&mut process);
    assert_eq!(process.log().read().unwrap(), "out\nerr\n");
    assert_eq!(std::fs::read_to_string(process.log().path()).unwrap(), "out\nerr\n");
}

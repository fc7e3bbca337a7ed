//! Servers at fixed addresses.

use std::process::Command;

use mirakuru_tests::{eventually, free_port, test_process};

use crate::run::{LONG, Run, all_passed, as_program, run_all};

fn server(run: &Run, kind: &str, at: &str) -> Command {
    let mut command = run.test("uses a fixed address");
    command.env("KIND", kind).env("AT", at);
    command
}

#[test]
fn the_server_of_an_earlier_run_that_is_being_stopped_is_waited_for() {
    let mut first = Run::new();
    let (path, second) = (|name| first.temp.join(name).display().to_string(), Run::new());
    let port = || free_port().to_string();
    let servers = [
        ("port", port()),
        ("inherited", port()),
        ("known by its output", port()),
        ("url", port()),
        ("reply", port()),
        ("udp", port()),
        ("udp reply", port()),
        ("udp known by its output", port()),
        ("unix socket", path("socket")),
        ("pid file", path("pid")),
    ];
    let of = |run: &Run| servers.iter().map(|(kind, at)| server(run, kind, at)).collect::<Vec<_>>();
    all_passed(&run_all(of(&first), servers.len()));
    first.kill_runner();
    eventually(LONG, || first.is_ending());
    let outputs = run_all(of(&second), servers.len());
    all_passed(&outputs);
    for output in &outputs {
        let printed = test_process::printed(output);
        assert!(printed.contains(" for the stop of an earlier server"), "{printed}");
    }
    second.abandon();
    first.abandon();
}

#[test]
fn the_server_of_another_binary_that_has_the_address_is_named() {
    let (run, port) = (Run::new(), free_port().to_string());
    all_passed(&run_all(vec![server(&run, "port", &port)], 1));

    let mut same_binary = server(&run, "port", &port);
    same_binary.env("KIND", "inherited");
    let mut other_binary = as_program(&same_binary, &run.other_binary());
    other_binary.args(same_binary.get_args());
    let own = std::env::current_exe().unwrap();
    let own = own.file_name().unwrap().to_string_lossy();
    let by_other = format!("the test binary `{own}` of this run has started that server");
    for (mut command, expected) in [
        (same_binary, "these tests have started that server: let them share it"),
        (other_binary, &by_other),
    ] {
        let printed = test_process::printed(&command.output().unwrap());
        assert!(printed.contains(expected), "{printed}");
    }
    let another_run = Run::new();
    let printed = test_process::printed(&server(&another_run, "port", &port).output().unwrap());
    assert!(printed.contains("another run of the test binary"), "{printed}");
    run.abandon();
}

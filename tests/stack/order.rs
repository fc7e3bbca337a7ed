//! In which order members start and stop.

use std::fs;

use mirakuru_core::{ErrorKind, Executor, Stack};
use mirakuru_tests::scratch_dir;

use crate::{fails, gated, lines, logs, start, waits_for, with_text};

#[test]
fn a_member_that_names_another_starts_when_that_is_ready_and_stops_before_it() {
    let dir = scratch_dir();
    let log = dir.join("log");
    let db = gated("db", &log, "sleep 0.1").env("PORT", "{port}");
    let stack = Stack::new()
        .add("web", logs("web", &log).env("APP", "{app.dir}"))
        .add("app", logs("app", &log).env("DB", "{db.port}").env("DIR", "{dir}"))
        .add("db", db);
    drop(start(&stack));
    let order = ["db", "app", "web"];
    let started = order.iter().flat_map(|name| ["start", "ready"].map(|it| format!("{it} {name}")));
    let stopped = order.iter().rev().map(|name| format!("stop {name}"));
    assert_eq!(lines(&log), started.chain(stopped).collect::<Vec<_>>());
}

#[test]
fn members_that_have_nothing_to_do_with_each_other_start_at_the_same_time() {
    let dir = scratch_dir();
    let (log, one, two) = (dir.join("log"), dir.join("one"), dir.join("two"));
    let meets = |name: &str, own: &std::path::Path, other| {
        let gate = format!("touch '{}'; {}", own.display(), waits_for(other));
        gated(name, &log, &gate)
    };
    let stack = Stack::new().add("one", meets("one", &one, &two));
    start(&stack.add("two", meets("two", &two, &one))).stop().unwrap();
    assert_eq!(lines(&log).len(), 6);
}

/// Returns two nodes, each of which is ready only when the other has started.
fn nodes(dir: &std::path::Path, peers: [&str; 2]) -> Stack {
    let node = |own: usize| {
        let gate = format!("touch '{}'; ", dir.join(own.to_string()).display());
        let gate = gate + &waits_for(&dir.join((1 - own).to_string()));
        gated("node", &dir.join("log"), &gate).env("PORT", "{port:peer}").env("PEERS", peers[own])
    };
    Stack::new().add("node0", node(0)).add("node1", node(1))
}

#[test]
fn members_that_name_each_others_ports_start_together() {
    let dir = scratch_dir();
    let peers = "{node0.port:peer},{node1.port:peer}";
    let stack = start(&nodes(&dir, [peers, peers]));
    let [zero, one] = ["node0", "node1"].map(|node| stack[node].port_named("peer"));
    for node in stack.processes() {
        let environment = fs::read_to_string(format!("/proc/{}/environ", node.pid())).unwrap();
        let expected = format!("PEERS={zero},{one}");
        assert!(environment.split('\0').any(|it| it == expected), "{environment}");
    }
}

#[test]
fn members_that_are_together_start_together_though_only_one_names_the_other() {
    let dir = scratch_dir();
    let stack = nodes(&dir, ["", "{node0.port:peer}"]).together(["node0", "node1"]);
    assert_eq!(start(&stack).processes().count(), 2);
}

#[test]
fn a_member_waits_for_one_that_it_needs_and_does_not_name() {
    let dir = scratch_dir();
    let log = dir.join("log");
    let stack = Stack::new().add("app", logs("app", &log)).add("db", logs("db", &log));
    drop(start(&stack.needs("app", "db")));
    assert_eq!(lines(&log)[..3], ["start db", "ready db", "start app"]);
    assert_eq!(lines(&log)[4..], ["stop app", "stop db"]);
}

#[test]
fn members_of_which_none_can_start_first_are_named() {
    let up = |other: &str| Executor::new("sleep 300").env("OTHER", format!("{{{other}.addr}}"));
    let stack = Stack::new().add("one", up("two")).add("two", up("three")).add("three", up("one"));
    let error = fails(&stack, ErrorKind::InvalidInput).to_string();
    assert!(error.contains("`one` needs `two` needs `three` needs `one`"), "{error}");
    let stack = Stack::new().add("one", with_text("{one.addr}"));
    let error = fails(&stack, ErrorKind::InvalidInput).to_string();
    assert!(error.contains("`one` needs `one`"), "{error}");
    let stack = Stack::new().add("one", with_text("")).add("two", with_text(""));
    let stack = stack.needs("one", "two").needs("two", "one");
    let error = fails(&stack, ErrorKind::InvalidInput).to_string();
    assert!(error.contains("`one` needs `two` needs `one`"), "{error}");
}

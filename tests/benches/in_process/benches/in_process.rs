//! Leases and definitions.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use divan::Bencher;
use mirakuru_core::{Executor, Lease, Process, Scope, Shared};

static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 600")).scope(Scope::Binary);

fn main() {
    let _process = SLEEPER.lease().expect("it starts"); // Every bench finds it running.
    divan::main();
}

fn lease() -> Lease {
    SLEEPER.lease().expect("it is running")
}

/// What any pool of shared things does at least: lock, clone, drop the clone.
#[divan::bench(threads = [1, 2])]
fn mutex_of_arc(bencher: Bencher<'_, '_>) {
    let shared = Mutex::new(Arc::new([0_u8; 64]));
    bencher.bench(|| drop(Arc::clone(&shared.lock().expect("no holder panics"))));
}

/// Taken and dropped.
#[divan::bench(threads = [1, 2])]
fn a_lease() {
    drop(lease());
}

/// The time of one more lease while so many are held.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn lease_beside(bencher: Bencher<'_, '_>, held: usize) {
    let _held: Vec<_> = (0..held).map(|_| lease()).collect();
    bencher.bench(|| drop(lease()));
}

/// A definition with the keys that a test of a web application has.
fn definition(last: &str) -> Executor {
    Executor::new("app --port {port} --metrics {port:metrics} --data {dir}/data 'a word'")
        .name("app")
        .env("APP_URL", "http://127.0.0.1:{port}/")
        .env("APP_KEY", "0123456789abcdef")
        .file("{dir}/app.toml", "port = {port}\n[log]\nlevel = \"info\"\n")
        .http("http://127.0.0.1:{port}/health")
        .output("listening on (?<address>[0-9.:]+)")
        .fail_on("panicked at")
        .arg(last)
}

#[divan::bench]
fn describe() -> Executor {
    definition("--verbose")
}

/// Parses and checks all texts of a definition. The last one has a fault, so nothing is started.
#[divan::bench]
fn parse_and_check(bencher: Bencher<'_, '_>) {
    let wrong = definition("{unknown}");
    bencher.bench(|| wrong.start().expect_err("the last word has a fault"));
}

/// Fills the values of a process into a command.
#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let process: Process =
        Executor::new("sleep 600").env("AT", "{dir}:{port}").start().expect("it starts");
    let command = "client --connect 127.0.0.1:{port} --home {dir}/client --verbose";
    bencher.bench(|| process.render(black_box(command)).expect("all placeholders are known"));
}

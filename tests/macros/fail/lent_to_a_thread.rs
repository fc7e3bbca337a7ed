use std::thread;

use mirakuru_rstest::{Process, with_process};
use rstest::fixture;

#[with_process(cmd = "server --port {port}", tcp = "127.0.0.1:{port}")]
#[fixture]
fn answer(server: &Process) -> u16 {
    thread::spawn(|| server.port()).join().unwrap()
}

#[with_process(cmd = "server --port {port}", tcp = "127.0.0.1:{port}")]
#[fixture]
fn end(server: &mut Process) -> std::io::Result<()> {
    thread::spawn(|| server.stop().unwrap()).join().unwrap();
    Ok(())
}

fn main() {}

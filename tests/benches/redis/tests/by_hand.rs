//! 100 tests, each with a Redis that it starts by hand and ends with `Child::kill`. The sleep is what is measured.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bench_redis::ping;
use rstest::rstest;

struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().expect("it is a child");
        self.0.wait().expect("it is a child");
    }
}

#[rstest]
fn answers(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] _tens: u8,
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] _ones: u8,
) {
    let free = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--save", ""]).stdout(Stdio::null());
    let _redis = Redis(command.spawn().expect("Redis is installed"));
    let client = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(client) => break client,
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    };
    ping(client);
}

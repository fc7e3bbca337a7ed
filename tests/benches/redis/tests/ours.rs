//! 100 tests, each with a Redis of its own, which is stopped by SIGTERM.

use std::net::TcpStream;

use bench_redis::ping;
use mirakuru_rstest::{Process, with_process};
use rstest::rstest;

#[with_process(cmd = "redis-server --port {port} --save ''", tcp = "127.0.0.1:{port}")]
#[rstest]
fn answers(
    redis: Process,
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] _tens: u8,
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] _ones: u8,
) {
    ping(TcpStream::connect(redis.addr()).expect("Redis listens"));
}

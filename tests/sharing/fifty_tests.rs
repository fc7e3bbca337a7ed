//! Fifty tests that share one server.

use mirakuru_rstest::{Process, with_process};
use mirakuru_tests::{http_get, scratch_dir, starts, stops};
use rstest::rstest;

use mirakuru_tests::test_process;

#[with_process(
    bin = "mk-http-server",
    args = ["{port}", "--mark", "crowd"],
    http = "http://127.0.0.1:{port}/",
    name = "crowd"
)]
#[rstest]
fn uses_the_server(
    server: &Process,
    #[values(0, 1, 2, 3, 4)] _tens: u8,
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] _ones: u8,
) {
    let (code, pid) = http_get(&format!("http://{}/pid", server.addr()));
    assert_eq!((code, pid), (200, server.pid().to_string()));
}

#[test]
fn fifty_tests_on_sixteen_threads_are_one_start_and_one_stop() {
    let directory = scratch_dir();
    let log = directory.join("starts");
    let mut crowd = test_process::printing("fifty_tests::uses_the_server");
    crowd.arg("--test-threads=16").env("START_LOG", &log);
    let output = crowd.output().unwrap();
    let printed = test_process::printed(&output);
    assert!(output.status.success() && printed.contains("50 passed"), "{printed}");
    // There is no wait: the server has stopped before the test process ended.
    assert_eq!((starts(&log), stops(&log)), (1, 1), "{printed}");
}

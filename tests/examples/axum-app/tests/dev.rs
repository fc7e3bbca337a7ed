//! The development environment, which is an example of this package.

use mirakuru_rstest::{Process, with_process};

/// Its program is ready when it has printed the last line of its table of addresses.
#[with_process(
    bin = "dev",
    output = r"web +127\.0\.0\.1:(?<web>\d+)",
    timeout = "300s",
    stop_signal = INT,
    expect_exit = 0
)]
#[test]
fn the_development_environment_serves_the_application(dev: &Process) {
    let url = dev.render("http://127.0.0.1:{web}/").unwrap();
    let page = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(page, "Send a note by POST to /notes.\n");
}

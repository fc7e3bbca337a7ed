//! The keys of the attribute.

use std::fs;

use mirakuru_core::Process;
use mirakuru_rstest::with_process;

fn add_line(process: &Process) -> std::io::Result<()> {
    fs::write(process.dir().join("closure"), process.port().to_string())
}

#[with_process(
    cmd = "sleep 300",
    file(path = "{dir}/a.conf", text = r#"server { listen {port}; }"#),
    file(text = "b", path = "{dir}/b"),
    template = ["sh", "-c", "mkdir {dir}/made; cp {dir}/b {dir}/made/b"],
    before_start = "cp {dir}/a.conf {dir}/one",
    before_start = ["cp", "{dir}/one", "{dir}/two"],
    after_ready = "cp {dir}/two {dir}/three",
    after_ready_with = add_line,
    after_ready_with = |process: &Process| fs::copy(process.dir().join("b"), process.dir().join("c")).map(drop)
)]
#[test]
fn every_step_has_a_key(process: &Process) {
    let text = |name: &str| fs::read_to_string(process.dir().join(name)).unwrap();
    assert_eq!(text("three"), format!("server {{ listen {}; }}", process.port()));
    assert_eq!(text("closure"), process.port().to_string());
    assert_eq!((text("c"), text("made/b")), ("b".to_owned(), "b".to_owned()));
}

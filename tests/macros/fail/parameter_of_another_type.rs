use mirakuru_rstest::with_process;

#[with_process(cmd = "server")]
fn answers(server: &str) {
    assert_eq!(server.len(), 3);
}

fn main() {}

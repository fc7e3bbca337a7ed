use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
fn talk(server: &Process, client: &Process) {
    assert_ne!(server.port(), client.port());
}

fn main() {}

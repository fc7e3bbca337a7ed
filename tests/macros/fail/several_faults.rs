use mirakuru_rstest::{Process, with_process};

#[with_process(
    cmd = "server --port {prot}",
    tpc = "localhost:{port}",
    http = "localhost/",
    timeout = "5",
    env(A = "{x}", B = "{dir}")
)]
#[with_process(shell = "", scope = "test")]
#[should_panic]
fn talk(server: &Process, client: &Process) {
    assert_ne!(server.port(), client.port());
}

fn main() {}

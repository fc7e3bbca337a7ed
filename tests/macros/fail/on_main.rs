use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
fn main(server: &Process) {
    server.port();
}

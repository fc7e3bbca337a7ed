use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", crate = "mirakuru_rstest")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

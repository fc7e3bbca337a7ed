use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", stop_timeout = "0s")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

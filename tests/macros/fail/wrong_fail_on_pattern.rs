use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", notify, fail_on = "(")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

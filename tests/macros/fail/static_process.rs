use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
fn answers(server: &'static Process) {
    server.port();
}

fn main() {}

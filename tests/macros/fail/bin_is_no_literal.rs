use mirakuru_rstest::{Process, with_process};

#[with_process(bin = NAME)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

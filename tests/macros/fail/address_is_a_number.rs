use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", tcp = 8080)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

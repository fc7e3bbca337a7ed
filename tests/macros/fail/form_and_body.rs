use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", http = "http://localhost:{port}/", form(user = "a"), body = "b")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

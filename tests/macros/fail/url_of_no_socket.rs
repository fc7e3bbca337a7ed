use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", http = "http://unix:{dir}/")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

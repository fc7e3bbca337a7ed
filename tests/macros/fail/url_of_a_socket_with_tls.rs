use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", http = "https://unix:{dir}/server.sock:/")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server --save 'often")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

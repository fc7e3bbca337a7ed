use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
#[should_panic]
fn refuses(server: &Process) {
    server.port();
}

fn main() {}

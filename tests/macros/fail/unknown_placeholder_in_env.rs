use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", env(PORT = "{part:web}", HOME = "{dir}"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", reply(addr = "localhost", send = 1, pattern = "("), reply(addr = "a", pattern = "b", sends = "c"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

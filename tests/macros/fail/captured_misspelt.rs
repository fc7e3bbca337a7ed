use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", output = "on (?<host>.*):(?<port>[0-9]+)", tcp = "{hots}:{port}")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

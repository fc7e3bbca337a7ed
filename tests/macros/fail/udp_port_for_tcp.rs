use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", tcp = "localhost:{udp}", http = "http://localhost:{udp:web}/")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

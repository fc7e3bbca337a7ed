use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", tcp = "{port}", udp = "{udp}", http = "http://{port:web}/")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

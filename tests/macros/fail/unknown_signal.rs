use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", stop_signal = "SIGTREM")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "sleep 1", output = "", fail_on = "")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

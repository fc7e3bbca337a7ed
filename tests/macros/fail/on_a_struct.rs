use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
struct Server {
    process: Process,
}

fn main() {}

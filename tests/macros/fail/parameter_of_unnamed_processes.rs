use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server")]
#[with_process(cmd = "client")]
fn answers(db: &Process) {
    db.port();
}

fn main() {}

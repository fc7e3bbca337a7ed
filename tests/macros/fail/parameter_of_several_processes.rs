use mirakuru_rstest::{Process, with_process};

#[with_process(REDIS)]
#[with_process(cmd = "server")]
fn answers(db: &Process) {
    db.port();
}

fn main() {}

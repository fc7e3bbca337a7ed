use mirakuru_rstest::{Executor, Process, Shared, with_process};

static DB: Shared = Shared::new(|| Executor::new("db"));

#[with_process(cmd = "app", needs(DB))]
#[test]
fn one(app: &Process) {}

#[with_process(cmd = "app", needs = DB)]
#[test]
fn other(app: &Process) {}

fn main() {}

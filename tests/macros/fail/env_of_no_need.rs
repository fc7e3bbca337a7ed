use mirakuru_rstest::{Executor, Process, process_fixture, with_process};

#[process_fixture]
fn store() -> Executor {
    Executor::new("redis-server")
}

#[with_process(cmd = "server", env(REDIS_URL = "redis://{store.addr}/"))]
#[with_process(cmd = "server", needs(db = store), env(REDIS_URL = "redis://{db.addr}/", LOG = "{a.b.c}"))]
fn answers(server: &Process, other: &Process) {
    assert_ne!(server.port(), other.port());
}

fn main() {}

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use redis::{Commands, Connection, RedisResult};
use rstest::rstest;

#[process_fixture]
fn store() -> Executor {
    servers::redis().reset("redis-cli -p {port} flushall")
}

fn connect(server: &Process) -> RedisResult<Connection> {
    redis::Client::open(format!("redis://{}/", server.addr()))?.get_connection()
}

/// It has the Redis alone. What it writes is gone before another test has it.
#[with_process(store)]
#[test]
fn begins_with_an_empty_redis(store: &mut Process) -> RedisResult<()> {
    let mut store = connect(store)?;
    assert_eq!(redis::cmd("DBSIZE").query::<i64>(&mut store)?, 0);
    store.set("visitors", 1)
}

#[with_process(store)]
#[test]
fn begins_with_an_empty_redis_too(store: &mut Process) -> RedisResult<()> {
    let mut store = connect(store)?;
    assert_eq!(store.incr::<_, _, i64>("visitors", 1)?, 1);
    Ok(())
}

/// It runs beside others, which have keys of their own.
#[rstest]
fn has_a_key_of_its_own(store: Lease) {
    let key = format!("{}:visitors", store.unique());
    assert_eq!(connect(&store).unwrap().incr::<_, _, i64>(key, 1).unwrap(), 1);
}

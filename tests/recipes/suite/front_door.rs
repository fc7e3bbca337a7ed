use mirakuru_rstest::{Process, with_process};
use redis::Commands;

#[with_process(cmd = "redis-server --port {port} --save ''", tcp = "127.0.0.1:{port}")]
#[test]
fn stores_a_value(server: &Process) -> redis::RedisResult<()> {
    let client = redis::Client::open(format!("redis://{}/", server.addr()))?;
    let mut connection = client.get_connection()?;
    let () = connection.set("greeting", "hello")?;
    assert_eq!(connection.get::<_, String>("greeting")?, "hello");
    Ok(())
}

//! Servers that announce readiness themselves, or have a client that checks it.

use std::net::UdpSocket;

use mirakuru_rstest::{ErrorKind, Executor, Result};
use mirakuru_tests::need;

use crate::postgres::{By, SCRIPT, ask, without_condition};
use crate::{Client, LIMIT, redis};

#[test]
fn redis_says_that_it_is_ready() -> Result<()> {
    let Some(redis) = redis::bare() else { return Ok(()) };
    let redis = redis.args(["--port", "{port}", "--supervised", "systemd"]).notify();
    let mut redis = redis.tcp("127.0.0.1:{port}").start()?;
    for _ in 0..3 {
        redis.restart()?;
        assert_eq!(redis::ask(&mut Client::tcp(redis.addr()), "PING"), "+PONG");
    }
    Ok(())
}

#[test]
fn postgres_says_that_it_is_ready() -> Result<()> {
    let Some(postgres) = without_condition(SCRIPT) else { return Ok(()) };
    let mut postgres = postgres.notify().timeout(LIMIT).start()?;
    assert_eq!(ask(By::Tcp, &postgres, "SELECT 42"), "42");
    postgres.restart()?;
    assert_eq!(ask(By::Tcp, &postgres, "SELECT 42"), "42");
    Ok(())
}

#[test]
fn postgres_is_asked_by_pg_isready() -> Result<()> {
    let (Some(postgres), Some(tool)) = (without_condition(SCRIPT), need("pg_isready")) else {
        return Ok(());
    };
    let tool = tool.to_str().expect("a path of Debian");
    let check = [tool, "--quiet", "--host=127.0.0.1", "--port={port}"];
    let postgres = postgres.ready_command(check).timeout(LIMIT).start()?;
    assert_eq!(ask(By::Tcp, &postgres, "SELECT 42"), "42");
    Ok(())
}

#[test]
fn postgres_that_will_never_be_ready_is_not_waited_for() {
    let script = SCRIPT.replace("exec ", "rm {dir}/data/global/pg_control; exec ");
    let Some(postgres) = without_condition(&script) else { return };
    let postgres = postgres.fail_on("could not find the database system").notify();
    let error = postgres.timeout(LIMIT).start().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Failed | ErrorKind::Exited), "{error:?}");
    assert!(format!("{error:?}").contains("could not find the database system"), "{error:?}");
}

#[test]
fn memcached_has_a_port_for_both_protocols() -> Result<()> {
    let Some(memcached) = need("memcached") else { return Ok(()) };
    let options = ["-u", "nobody", "-l", "127.0.0.1", "-p", "{port}", "-U", "{udp}"];
    // A request id, the index of the datagram, their number, and two reserved bytes.
    let request = b"\0\x07\0\0\0\x01\0\0version\r\n";
    let memcached = Executor::new([memcached]).args(options).tcp("127.0.0.1:{port}");
    let memcached = memcached.reply("127.0.0.1:{udp}", request, r"^\x00\x07.*VERSION").start()?;
    assert!(Client::tcp(memcached.addr()).waits_in_vain(), "it speaks when it is asked");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.send_to(request, memcached.addr()).unwrap();
    let mut answer = [0; 100];
    client.recv(&mut answer).unwrap();
    assert!(answer[8..].starts_with(b"VERSION"), "{answer:?}");
    Ok(())
}

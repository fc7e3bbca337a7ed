//! Redis: one process, a port or a Unix socket, data that outlives a stop.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::sync::Barrier;
use std::thread;

use mirakuru_rstest::{Banner, ErrorKind, Executor, Process, Result, Signal, Stream};
use mirakuru_tests::{eventually, need};

use crate::{Client, LIMIT, assert_gone, children, refuses, refuses_unix, tree};

/// Redis without a condition.
pub(crate) fn bare() -> Option<Executor> {
    let redis = need("redis-server")?;
    Some(Executor::new([redis]).args(["--dir", "{dir}", "--save", ""]))
}

pub(crate) fn redis() -> Option<Executor> {
    Some(bare()?.args(["--port", "{port}", "--bind", "127.0.0.1"]).tcp("127.0.0.1:{port}"))
}

/// Sends a command in the protocol of Redis, and returns the answer.
#[track_caller]
pub(crate) fn ask(client: &mut Client<impl Read + Write>, command: &str) -> String {
    let words = command.split(' ');
    let mut request = format!("*{}\r\n", words.clone().count());
    for word in words {
        write!(request, "${}\r\n{word}\r\n", word.len()).expect("a String takes all");
    }
    client.send(&request);
    let head = client.line();
    if head.starts_with('$') && head != "$-1" { client.line() } else { head }
}

#[track_caller]
fn ask_once(redis: &Process, command: &str) -> String {
    ask(&mut Client::tcp(([127, 0, 0, 1], redis.port()).into()), command)
}

#[test]
fn answers_on_its_port_and_exits_with_0() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    let mut client = Client::tcp(redis.addr());
    assert_eq!(ask(&mut client, "PING"), "+PONG");
    assert_eq!(ask(&mut client, "GET key"), "$-1");
    assert_eq!(ask(&mut client, "SET key value"), "+OK");
    assert_eq!(ask(&mut client, "GET key"), "value");

    let pids = tree(&redis);
    let exit = redis.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert_eq!(client.line(), "", "the connection is closed");
    assert_gone(&pids);
    Ok(())
}

#[test]
fn answers_on_its_unix_socket_also_after_a_stop() -> Result<()> {
    let Some(redis) = bare() else { return Ok(()) };
    let options = ["--port", "0", "--unixsocket", "{dir}/redis.sock"];
    let mut redis = redis.args(options).unix_socket("{dir}/redis.sock").start()?;
    let socket = redis.dir().join("redis.sock");
    assert_eq!(ask(&mut Client::unix(&socket), "PING"), "+PONG");
    assert!(redis.stopped(|| refuses_unix(&socket))?);
    assert_eq!(ask(&mut Client::unix(&socket), "PING"), "+PONG");

    let (pids, dir) = (tree(&redis), redis.dir().to_owned());
    drop(redis);
    assert_gone(&pids);
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn a_line_of_its_output_says_that_it_accepts() -> Result<()> {
    let Some(redis) = bare() else { return Ok(()) };
    let banner = Banner::new("Ready to accept connections").on(Stream::Stdout);
    let mut redis = redis.args(["--port", "{port}"]).output(banner).start()?;
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    let asked = redis.log().wait_for("Ready to accept", LIMIT)?;
    assert!(asked.starts_with(&format!("{}:M", redis.pid())), "{asked}");

    redis.stopped(|| ())?;
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    assert_eq!(redis.log().read()?.matches("Ready to accept").count(), 2);
    Ok(())
}

#[test]
fn refuses_while_it_is_stopped_and_answers_on_the_same_port_after() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    let (addr, pids) = (redis.addr(), tree(&redis));
    let seen = redis.stopped(|| {
        assert_gone(&pids);
        refuses(addr)
    })?;
    assert!(seen);
    assert_eq!(redis.addr(), addr);
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    Ok(())
}

#[test]
fn what_it_acknowledged_is_there_after_a_stop_and_after_a_crash() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    // It listens, and answers `-LOADING`, until it has read its data.
    let mut redis = redis.args(durable).output("Ready to accept connections").start()?;
    assert_eq!(ask_once(&redis, "SET first 1"), "+OK");
    redis.stopped(|| ())?;
    assert_eq!(ask_once(&redis, "GET first"), "1");

    assert_eq!(ask_once(&redis, "SET second 2"), "+OK");
    assert_eq!(redis.kill()?.signal(), Some(Signal::KILL));
    assert!(refuses(redis.addr()));
    redis.restart()?;
    assert_eq!(ask_once(&redis, "GET second"), "2");
    Ok(())
}

#[test]
fn a_configuration_from_standard_input_counts_also_after_a_restart() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.arg("-").stdin("requirepass secret\n").start()?;
    for _ in 0..2 {
        let mut client = Client::tcp(redis.addr());
        assert!(ask(&mut client, "PING").starts_with("-NOAUTH"));
        assert_eq!(ask(&mut client, "AUTH secret"), "+OK");
        assert_eq!(ask(&mut client, "PING"), "+PONG");
        redis.restart()?;
    }
    Ok(())
}

#[test]
fn a_kill_ends_a_save_in_the_background_too() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    let mut client = Client::tcp(redis.addr());
    // The child that saves takes a minute for each key.
    assert_eq!(ask(&mut client, "CONFIG SET rdb-key-save-delay 60000000"), "+OK");
    assert_eq!(ask(&mut client, "SET key value"), "+OK");
    assert_eq!(ask(&mut client, "BGSAVE"), "+Background saving started");
    eventually(LIMIT, || !children(redis.pid()).is_empty());

    let pids = tree(&redis);
    assert_eq!(pids.len(), 2);
    redis.kill()?;
    assert_gone(&pids);
    Ok(())
}

#[test]
fn a_shutdown_by_a_client_is_an_end_like_any_other() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    assert_eq!(ask_once(&redis, "SHUTDOWN NOSAVE"), "");
    assert!(redis.wait_timeout(LIMIT)?.success());
    assert!(!redis.is_running());
    redis.restart()?;
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    Ok(())
}

#[test]
fn a_crash_is_reported_once_with_the_output() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    // No memory test after the crash, and no core file except in the directory that is removed.
    let quick = ["--enable-debug-command", "yes", "--crash-memcheck-enabled", "no"];
    let mut redis = redis.args(quick).current_dir("/tmp").start()?;
    Client::tcp(redis.addr()).send("DEBUG SEGFAULT\r\n");
    assert_eq!(redis.wait_timeout(LIMIT)?.signal(), Some(Signal::SEGV));

    let error = redis.stop().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert!(format!("{error:?}").contains("REDIS BUG REPORT END"), "{error:?}");
    assert_eq!(redis.stop()?.signal(), Some(Signal::SEGV));
    redis.restart()?;
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    Ok(())
}

#[test]
fn a_faulty_option_is_reported_at_once_in_the_words_of_redis() {
    let Some(redis) = redis() else { return };
    let redis = redis.args(["--maxmemory", "many"]).timeout(LIMIT * 60);
    // Several times: the exits of the main process and of its tree are reported one after the
    // other.
    for _ in 0..20 {
        let error = redis.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exited);
        assert_eq!(error.exit().and_then(|exit| exit.code()), Some(1));
        let report = format!("{error:?}");
        assert!(report.contains("FATAL CONFIG FILE ERROR"), "{report}");
        assert!(!report.contains("left others running"), "{report}");
    }
}

#[test]
fn answers_what_was_asked_while_it_was_paused() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    redis.pause()?;
    // The kernel accepts connections although the process is paused.
    let mut client = Client::tcp(redis.addr());
    client.send("PING\r\n");
    assert!(client.waits_in_vain());
    redis.resume()?;
    assert_eq!(client.line(), "+PONG");
    Ok(())
}

#[test]
fn a_paused_one_is_stopped_in_an_orderly_way() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let mut redis = redis.start()?;
    redis.pause()?;
    let exit = redis.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    Ok(())
}

#[test]
fn a_shell_that_stays_is_stopped_with_the_server_below_it() -> Result<()> {
    let Some(redis) = need("redis-server") else { return Ok(()) };
    let script = "port={port}; \"${REDIS}\" --save '' --port ${port}; echo not reached";
    let mut redis = Executor::shell(script).env("REDIS", redis).tcp("127.0.0.1:{port}").start()?;
    assert_eq!(ask_once(&redis, "PING"), "+PONG");
    let pids = tree(&redis);
    assert_eq!(pids.len(), 2, "a shell and Redis");

    assert_eq!(redis.stop()?.signal(), Some(Signal::TERM), "the shell's");
    assert_gone(&pids);
    let log = redis.log().read()?;
    assert!(log.contains("Redis is now ready to exit, bye bye"), "{log}");
    assert!(!log.contains("not reached"), "{log}");
    Ok(())
}

#[test]
fn two_of_one_executor_share_nothing() -> Result<()> {
    let Some(redis) = redis() else { return Ok(()) };
    let (one, mut other) = (redis.start()?, redis.start()?);
    assert_ne!(one.port(), other.port());
    assert_ne!(one.dir(), other.dir());
    assert_eq!(ask_once(&one, "SET key value"), "+OK");
    assert_eq!(ask_once(&other, "GET key"), "$-1");

    other.stop()?;
    assert_eq!(ask_once(&one, "GET key"), "value");
    Ok(())
}

#[test]
fn twenty_started_at_the_same_time_all_answer_and_none_is_left() {
    const COUNT: usize = 20;
    let Some(redis) = redis() else { return };
    let all_there = Barrier::new(COUNT);
    let life = |number: usize| {
        let redis = redis.start().unwrap();
        let value = format!("value-{number}");
        assert_eq!(ask_once(&redis, &format!("SET key {value}")), "+OK");
        all_there.wait();
        assert_eq!(ask_once(&redis, "GET key"), value);
        (redis.port(), redis.pid())
    };
    let lives: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..COUNT).map(|number| scope.spawn(move || life(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut ports, pids): (Vec<_>, Vec<_>) = lives.into_iter().unzip();
    assert_gone(&pids);
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), COUNT);
}

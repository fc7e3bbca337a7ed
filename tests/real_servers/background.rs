//! Servers that daemonize: the started process exits, and another one goes on.

use std::fs;

use mirakuru_rstest::{ErrorKind, Executor, Process, Result, Signal};
use mirakuru_tests::{alive, eventually, need};

use crate::nginx::{as_daemon, get, nginx};
use crate::{Client, LIMIT, assert_gone, children, postgres, redis, refuses, tree};

#[track_caller]
fn pid_in(file: &str, process: &Process) -> u32 {
    let text = fs::read_to_string(process.dir().join(file)).expect("the daemon writes it");
    let first = text.lines().next().expect("it is not empty");
    first.trim().parse().expect("it begins with a number")
}

/// Waits until the launcher has exited; it may outlive the start of its daemon.
#[track_caller]
fn assert_becomes(process: &Process, file: &str) {
    eventually(LIMIT, || process.pid() == pid_in(file, process));
}

#[test]
fn of_a_daemon_the_master_is_the_process() -> Result<()> {
    let Some(nginx) = as_daemon() else { return Ok(()) };
    let nginx = nginx.start()?;
    assert!(nginx.is_running());
    assert_eq!(nginx.exit_status(), None, "only its launcher has exited");
    assert_becomes(&nginx, "nginx.pid");

    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    let (pids, dir) = (tree(&nginx), nginx.dir().to_owned());
    drop(nginx);
    assert_gone(&pids);
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn a_killed_daemon_comes_back_in_spite_of_its_old_pid_file() -> Result<()> {
    let Some(nginx) = as_daemon() else { return Ok(()) };
    let mut nginx = nginx.start()?;
    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    let (pids, old) = (tree(&nginx), pid_in("nginx.pid", &nginx));
    nginx.kill()?;
    assert_gone(&pids);
    assert_eq!(pid_in("nginx.pid", &nginx), old, "no process was left to remove the file");

    nginx.restart()?;
    assert_eq!(get(&nginx, "/").0, 200);
    assert_becomes(&nginx, "nginx.pid");
    assert_ne!(nginx.pid(), old);
    Ok(())
}

#[test]
fn a_daemon_that_does_not_come_up_is_no_daemon() {
    let Some(nginx) = nginx("no_such_directive;") else { return };
    let error = nginx.pid_file("{dir}/nginx.pid").timeout(LIMIT * 60).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
}

#[test]
fn an_upgrade_of_nginx_moves_the_process_to_the_new_master() -> Result<()> {
    let Some(nginx) = as_daemon() else { return Ok(()) };
    let mut nginx = nginx.start()?;
    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    let old = tree(&nginx);
    nginx.signal(Signal::USR2)?;
    // The old master renames its pid file, and the new one writes another.
    let oldbin = nginx.dir().join("nginx.pid.oldbin");
    let pid_file = nginx.dir().join("nginx.pid");
    eventually(LIMIT, || {
        oldbin.exists() && fs::metadata(&pid_file).is_ok_and(|file| file.len() > 0)
    });
    let new = pid_in("nginx.pid", &nginx);
    assert!(!old.contains(&new));

    nginx.signal(Signal::QUIT)?;
    eventually(LIMIT, || nginx.pid() == new);
    assert_gone(&old);
    assert!(nginx.is_running());
    assert_eq!(get(&nginx, "/").0, 200);

    let pids = tree(&nginx);
    assert!(nginx.stop()?.success());
    assert_gone(&pids);
    Ok(())
}

#[test]
fn redis_in_the_background_is_the_process() -> Result<()> {
    let Some(redis) = redis::redis() else { return Ok(()) };
    let options = ["--daemonize", "yes", "--pidfile", "{dir}/redis.pid"];
    let mut redis = redis.args(options).pid_file("{dir}/redis.pid").start()?;
    assert_becomes(&redis, "redis.pid");
    let (addr, pid) = (redis.addr(), redis.pid());
    assert_eq!(redis::ask(&mut Client::tcp(addr), "PING"), "+PONG");
    assert!(redis.stopped(|| refuses(addr) && !alive(pid))?);
    assert_becomes(&redis, "redis.pid");
    assert_eq!(redis::ask(&mut Client::tcp(addr), "PING"), "+PONG");
    let exit = redis.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    Ok(())
}

#[test]
fn memcached_in_the_background_is_the_process() -> Result<()> {
    let Some(memcached) = need("memcached") else { return Ok(()) };
    let options = ["-d", "-P", "{dir}/pid", "-u", "root", "-l", "127.0.0.1", "-p", "{port}"];
    let memcached = Executor::new([memcached]).args(options).args(["-U", "0"]);
    let mut memcached = memcached.pid_file("{dir}/pid").tcp("127.0.0.1:{port}").start()?;
    assert_becomes(&memcached, "pid");
    let (addr, pid) = (memcached.addr(), memcached.pid());
    let mut client = Client::tcp(addr);
    client.send("get key\r\n");
    assert_eq!(client.line(), "END");
    assert!(memcached.stopped(|| refuses(addr) && !alive(pid))?);
    assert!(memcached.stop()?.success());
    Ok(())
}

#[test]
fn postgres_started_by_its_own_launcher_is_the_process() -> Result<()> {
    let start = "exec \"$@\" \"${BIN}/pg_ctl\" start --wait --options=";
    let script = postgres::SCRIPT.replace(
        r#"exec "$@" "${BIN}/postgres" -F -k {dir} -h 127.0.0.1 -p {port}"#,
        &format!("{start}'-F -k {{dir}} -h 127.0.0.1 -p {{port}}'"),
    );
    assert!(script.contains(start));
    let Some(postgres) = postgres::without_condition(&script) else { return Ok(()) };
    let postgres = postgres.pid_file("{dir}/data/postmaster.pid").tcp("127.0.0.1:{port}");
    let mut postgres = postgres.start()?;
    eventually(LIMIT, || postgres.log().read().is_ok_and(|log| log.contains("server started")));
    assert_becomes(&postgres, "data/postmaster.pid");
    assert_eq!(postgres::ask(postgres::By::Tcp, &postgres, "SELECT 1"), "1");

    let pids = tree(&postgres);
    let exit = postgres.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert_gone(&pids);
    Ok(())
}

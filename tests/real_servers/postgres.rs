//! PostgreSQL: a script that creates the cluster first, a user other than root, many children.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mirakuru_rstest::{Banner, ErrorKind, Executor, Process, Result, Signal};
use mirakuru_tests::{eventually, need};

use crate::{LIMIT, assert_gone, children, is_root, refuses, refuses_unix, tree};

/// Creates the cluster at the first start only. Root changes to another user, because
/// PostgreSQL refuses to run as root.
pub(crate) const SCRIPT: &str = r#"
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres {dir}
    set -- setpriv --reuid=postgres --regid=postgres --init-groups --
fi
if [ ! -d "${PGDATA}" ]; then
    "$@" "${BIN}/initdb" --username=tester --auth=trust --no-sync --locale=C --encoding=UTF8
    : fill
fi
exec "$@" "${BIN}/postgres" -F -k {dir} -h 127.0.0.1 -p {port}
"#;

pub(crate) fn without_condition(script: &str) -> Option<Executor> {
    let (psql, postgres) = (need("psql")?, need("postgres")?);
    need("initdb")?;
    let bin = postgres.parent().map(Path::to_owned)?;
    let executor = Executor::shell(script).name("postgres").stop_signal(Signal::INT);
    Some(executor.env("PSQL", psql).env("BIN", bin).env("PGDATA", "{dir}/data").current_dir("/"))
}

fn postgres() -> Option<Executor> {
    let executor =
        without_condition(SCRIPT)?.output("database system is ready to accept connections");
    Some(executor.tcp("127.0.0.1:{port}").unix_socket("{dir}/.s.PGSQL.{port}"))
}

/// Replaces `: fill`: a private server that loads initial data, as the Docker image runs one.
const FILL: &str = r#"
    "$@" "${BIN}/pg_ctl" start --wait --silent --options="-F -k {dir} -h '' -p {port}"
    "${PSQL}" --host={dir} --port={port} --username=tester --dbname=postgres \
        --command='CREATE TABLE items AS SELECT 42 AS number'
    "$@" "${BIN}/pg_ctl" stop --wait --silent --mode=fast
"#;

/// The address of the server, for a client.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Tcp,
    Socket,
}

fn client(program: &str, by: By, postgres: &Process) -> Command {
    let mut command = Command::new(need(program).expect("it is where psql is"));
    match by {
        By::Tcp => command.arg("--host=127.0.0.1"),
        By::Socket => command.arg("--host").arg(postgres.dir()),
    };
    command
        .arg(format!("--port={}", postgres.port()))
        .args(["--username=tester", "--dbname=postgres"]);
    command.stdin(Stdio::null());
    command
}

fn psql(by: By, postgres: &Process, statement: &str) -> Command {
    let mut command = client("psql", by, postgres);
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statement]);
    command
}

/// Returns the output of `psql`; panics with its errors if it fails.
#[track_caller]
pub(crate) fn ask(by: By, postgres: &Process, statement: &str) -> String {
    let Output { status, stdout, stderr } =
        psql(by, postgres, statement).output().expect("psql is there");
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim_end().to_owned()
}

#[test]
fn answers_by_port_and_by_socket_and_shuts_down_with_0() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let mut postgres = postgres.start()?;
    ask(By::Tcp, &postgres, "CREATE TABLE items (name text)");
    ask(By::Socket, &postgres, "INSERT INTO items VALUES ('one'), ('two')");
    assert_eq!(ask(By::Tcp, &postgres, "SELECT name FROM items ORDER BY name"), "one\ntwo");
    let port = postgres.port().to_string();
    assert_eq!(ask(By::Socket, &postgres, "SHOW port"), port);

    let pids = tree(&postgres);
    assert!(pids.len() > 4, "checkpointer, writers, launchers: {pids:?}");
    let exit = postgres.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert_gone(&pids);
    let log = postgres.log().read()?;
    assert!(log.contains("received fast shutdown request"), "{log}");
    assert!(log.contains("database system is shut down"), "{log}");

    let dir = postgres.dir().to_owned();
    drop(postgres);
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn refuses_while_it_is_stopped_and_has_its_data_after() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let mut postgres = postgres.start()?;
    ask(By::Tcp, &postgres, "CREATE TABLE items AS SELECT 42 AS number");
    let (addr, pids) = (postgres.addr(), tree(&postgres));
    let socket = postgres.dir().join(format!(".s.PGSQL.{}", postgres.port()));
    let mut asks = [By::Tcp, By::Socket].map(|by| client("pg_isready", by, &postgres));
    let mut codes = || asks.each_mut().map(|ask| ask.output().unwrap().status.code());
    assert_eq!(codes(), [Some(0); 2], "accepts");
    let unanswered = postgres.stopped(|| {
        assert_gone(&pids);
        assert!(refuses(addr) && refuses_unix(&socket));
        codes()
    })?;
    assert_eq!(unanswered, [Some(2); 2], "no response");
    assert_eq!(codes(), [Some(0); 2], "accepts");
    assert_eq!(ask(By::Tcp, &postgres, "SELECT number FROM items"), "42");
    Ok(())
}

#[test]
fn comes_back_after_a_crash_with_what_was_committed() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let mut postgres = postgres.start()?;
    ask(By::Socket, &postgres, "CREATE TABLE items AS SELECT 42 AS number");
    let pids = tree(&postgres);
    assert_eq!(postgres.kill()?.signal(), Some(Signal::KILL));
    assert_gone(&pids);
    assert!(postgres.dir().join("data/postmaster.pid").exists(), "it was removed");

    postgres.restart()?;
    assert_eq!(ask(By::Socket, &postgres, "SELECT number FROM items"), "42");
    let log = postgres.log().read()?;
    assert!(log.contains("database system was not properly shut down"), "{log}");
    Ok(())
}

/// A session that is busy for longer than any test.
#[track_caller]
fn busy_session(postgres: &Process) -> Result<Process> {
    let before = children(postgres.pid());
    let session = psql(By::Tcp, postgres, "SELECT pg_sleep(3600)");
    let words = session.get_args().map(OsStr::to_owned);
    let session = Executor::new([session.get_program()]).args(words).name("session").start()?;
    eventually(LIMIT, || {
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        ask(By::Socket, postgres, busy) == "1"
    });
    assert!(children(postgres.pid()).iter().any(|pid| !before.contains(pid)), "a backend");
    Ok(session)
}

#[test]
fn a_stop_ends_the_sessions_there_are() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let mut postgres = postgres.start()?;
    let mut session = busy_session(&postgres)?;
    let pids = tree(&postgres);
    let exit = postgres.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert_gone(&pids);
    assert_eq!(session.wait_timeout(LIMIT)?.code(), Some(2), "its connection went bad");
    let said = session.log().read()?;
    assert!(said.contains("terminating connection due to administrator command"), "{said}");
    Ok(())
}

#[test]
fn a_shutdown_that_waits_for_a_session_ends_it_in_time() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let mut postgres = postgres.start()?;
    let mut session = busy_session(&postgres)?;
    let pids = tree(&postgres);
    // A smart shutdown, in the words of PostgreSQL. The main process waits, so its children are asked
    // after a tenth of the stop timeout.
    assert!(!postgres.stop_with(Signal::TERM)?.was_killed());
    assert_gone(&pids);
    assert_eq!(session.wait_timeout(LIMIT)?.code(), Some(2), "its connection went bad");
    let log = postgres.log().read()?;
    assert!(log.contains("received smart shutdown request"), "{log}");
    assert!(log.contains("database system is shut down"), "{log}");
    postgres.restart()
}

#[test]
fn the_second_line_of_two_is_that_of_the_server_itself() -> Result<()> {
    let script = SCRIPT.replace(": fill", FILL);
    let Some(postgres) = without_condition(&script) else { return Ok(()) };
    let ready = Banner::new("database system is ready to accept connections").times(2);
    let postgres = postgres.output(ready).start()?;
    assert_eq!(ask(By::Tcp, &postgres, "SELECT number FROM items"), "42");
    Ok(())
}

#[test]
fn two_of_one_executor_share_nothing() -> Result<()> {
    let Some(postgres) = postgres() else { return Ok(()) };
    let (one, mut other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| postgres.start());
        (postgres.start(), other.join().unwrap())
    });
    let (one, other) = (one?, other.as_mut().unwrap());
    ask(By::Tcp, &one, "CREATE TABLE items ()");
    let exists = "SELECT to_regclass('items') IS NOT NULL";
    assert_eq!(ask(By::Tcp, &one, exists), "t");
    assert_eq!(ask(By::Tcp, other, exists), "f");
    other.stop()?;
    assert_eq!(ask(By::Tcp, &one, exists), "t");
    Ok(())
}

#[test]
fn a_second_one_on_the_same_data_names_the_first() -> Result<()> {
    let (Some(first), Some(second)) = (postgres(), postgres()) else { return Ok(()) };
    let first = first.start()?;
    let second = second.env("PGDATA", first.dir().join("data")).timeout(LIMIT * 60);
    let error = second.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    assert!(
        format!("{error:?}").contains("lock file \"postmaster.pid\" already exists"),
        "{error:?}"
    );
    assert_eq!(ask(By::Tcp, &first, "SELECT 1"), "1");
    Ok(())
}

#[test]
fn as_root_it_says_why_it_ends() {
    let Some(postgres) = need("postgres") else { return };
    if !is_root() {
        return println!("skipped: for root only");
    }
    let postgres = Executor::new([postgres]).args(["-D", "{dir}", "-p", "{port}"]);
    let error = postgres.tcp("127.0.0.1:{port}").timeout(LIMIT * 60).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    let report = format!("{error:?}");
    assert!(report.contains("execution of the PostgreSQL server is not permitted"), "{report}");
}

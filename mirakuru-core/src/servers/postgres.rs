use super::{not_as_root, server};
use crate::executor::Executor;
use crate::types::Signal;

/// PostgreSQL, with a new cluster whose superuser is `postgres`.
///
/// | | |
/// |---|---|
/// | ready | it says so, and listens on `{port}` and on the Unix socket `{dir}/.s.PGSQL.{port}` |
/// | clients | `postgresql://postgres@127.0.0.1:{port}/postgres`; every user is trusted without a password |
/// | commands of the set-up | `psql`, `createdb` and the like need no address: `PGHOST`, `PGPORT` and `PGUSER` are set |
/// | files | `{dir}/data`, the cluster: UTF-8, locale C |
/// | off for tests | `fsync`, `synchronous_commit`, `full_page_writes`; no file is in `/dev/shm` |
/// | as root | runs as the user `postgres`, because PostgreSQL refuses root |
/// | stops by | SIGINT, which ends the sessions of clients |
/// | packages | Debian `postgresql`, Homebrew `postgresql@17` |
///
/// A database that is made from another one, as for each test of a suite, is made fastest by
/// `CREATE DATABASE … TEMPLATE … STRATEGY file_copy`, from PostgreSQL 15 on.
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let postgres = servers::postgres()
///     .args(["-c", "max_connections=200"])
///     .after_ready("createdb app")
///     .file("{dir}/schema.sql", "CREATE TABLE items (name text)")
///     .after_ready("psql -q -v ON_ERROR_STOP=1 -f {dir}/schema.sql app")
///     .start()?;
/// println!("{}", postgres.render("postgresql://postgres@127.0.0.1:{port}/app")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "postgresql")]
pub fn postgres() -> Executor {
    let server = server(
        "postgres",
        "postgres -D {dir}/data -h 127.0.0.1 -p {port} -k {dir} -F -c synchronous_commit=off \
         -c full_page_writes=off -c dynamic_shared_memory_type=mmap",
    );
    not_as_root(server, "postgres")
        .template(
            "initdb --pgdata={dir}/data --username=postgres --auth=trust --encoding=UTF8 --locale=C \
             --wal-segsize=1 --no-sync",
        )
        .envs([("PGHOST", "127.0.0.1"), ("PGPORT", "{port}"), ("PGUSER", "postgres")])
        // Before that, clients are sent away.
        .output("database system is ready to accept connections")
        .tcp("127.0.0.1:{port}")
        .unix_socket("{dir}/.s.PGSQL.{port}")
        .stop_signal(Signal::INT)
}

use super::{not_as_root, server};
use crate::executor::Executor;

/// MariaDB, with a new data directory.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` and on the Unix socket `{dir}/mariadb.sock` |
/// | clients | `mysql://root@127.0.0.1:{port}/`, without a password |
/// | files | `{dir}/data`, the databases |
/// | off for tests | flushes to disk, the doublewrite buffer, the configuration of this machine (`--no-defaults`) |
/// | as root | runs as the user `mysql`, because MariaDB refuses root |
/// | packages | Debian `mariadb-server`, Homebrew `mariadb` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let mariadb = servers::mariadb()
///     .arg("--max-connections=500")
///     .after_ready("mariadb --socket={dir}/mariadb.sock --user=root --execute='CREATE DATABASE app'")
///     .start()?;
/// println!("{}", mariadb.render("mysql://root@127.0.0.1:{port}/app")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "mysql")]
pub fn mariadb() -> Executor {
    let server = server(
        "mariadb",
        "mariadbd --no-defaults --datadir={dir}/data --socket={dir}/mariadb.sock --tmpdir={dir} \
         --pid-file={dir}/mariadb.pid --port={port} --bind-address=127.0.0.1 \
         --innodb-log-file-size=10M --innodb-flush-method=nosync --innodb-doublewrite=OFF \
         --innodb-flush-log-at-trx-commit=0",
    );
    not_as_root(server, "mysql")
        .template(
            "mariadb-install-db --no-defaults --datadir={dir}/data --tmpdir={dir} --skip-test-db \
             --auth-root-authentication-method=normal --innodb-log-file-size=10M \
             --innodb-flush-method=nosync",
        )
        .tcp("127.0.0.1:{port}")
        .unix_socket("{dir}/mariadb.sock")
}

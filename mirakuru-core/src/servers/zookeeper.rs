use super::{first_installed, server};
use crate::executor::Executor;

const CONFIGURATION: &str = "\
dataDir={dir}/data
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
forceSync=no
4lw.commands.whitelist=*
";

/// ZooKeeper, a single server.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `127.0.0.1:{port}`; all commands of four letters are allowed |
/// | files | `{dir}/zoo.cfg`, and `{dir}/data`, which a restart keeps |
/// | off for tests | `fsync`, the HTTP server of administrators |
/// | packages | Debian `zookeeper`, Homebrew `zookeeper` |
///
/// It prints its log only if SLF4J finds a logger in its class path; Debian's has none.
///
/// # Examples
///
/// ```no_run
/// use mirakuru_core::servers;
///
/// let zookeeper = servers::zookeeper().start()?;
/// println!("{}", zookeeper.addr());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn zookeeper() -> Executor {
    // Homebrew's has no suffix.
    let program = first_installed(["zkServer.sh", "zkServer"]);
    server([program, "start-foreground", "{dir}/zoo.cfg"])
        .name("zookeeper")
        .env("ZOO_LOG_DIR", "{dir}")
        .file("{dir}/zoo.cfg", CONFIGURATION)
        .tcp("127.0.0.1:{port}")
}

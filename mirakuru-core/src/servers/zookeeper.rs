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
/// | ready | it answers `srvr`; for a while after its port is open, it sends clients away |
/// | clients | `127.0.0.1:{port}`; all commands of four letters are allowed |
/// | files | `{dir}/zoo.cfg`, and `{dir}/data`, which a restart keeps |
/// | off for tests | `fsync`, JMX, the HTTP server of administrators |
/// | packages | Debian `zookeeper`, Homebrew `zookeeper` |
///
/// It prints its log only if SLF4J finds a logger in its class path; Debian's has none.
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let zookeeper = servers::zookeeper().start()?;
/// println!("{}", zookeeper.addr());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn zookeeper() -> Executor {
    // Homebrew's has no suffix.
    let program = first_installed(["zkServer.sh", "zkServer"]);
    server("zookeeper", [program, "start-foreground", "{dir}/zoo.cfg"])
        .env("ZOO_LOG_DIR", "{dir}")
        // It would listen at every address.
        .env("JMXDISABLE", "true")
        .file("{dir}/zoo.cfg", CONFIGURATION)
        .reply("127.0.0.1:{port}", "srvr", "Mode: standalone")
}

use super::{first_installed, server};
use crate::executor::Executor;

/// Redis, or Valkey where `redis-server` is not installed.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `redis://127.0.0.1:{port}/`, without a password |
/// | off for tests | snapshots: a restart begins with no data; `--appendonly yes` keeps it |
/// | packages | Debian `redis-server` or `valkey-server`, Homebrew `redis` or `valkey` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let redis = servers::redis().args(["--databases", "64"]).start()?;
/// println!("{}", redis.render("redis://127.0.0.1:{port}/63")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "valkey")]
pub fn redis() -> Executor {
    server("redis", first_installed(["redis-server", "valkey-server"]))
        .args(["--port", "{port}", "--bind", "127.0.0.1", "--dir", "{dir}", "--save", ""])
        .tcp("127.0.0.1:{port}")
}

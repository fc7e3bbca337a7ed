use super::{is_root, server};
use crate::executor::Executor;

/// memcached.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `127.0.0.1:{port}`, over TCP only; it keeps nothing at a restart |
/// | as root | runs as root, because it refuses to unless it is asked to |
/// | stops | within a second |
/// | packages | Debian `memcached`, Homebrew `memcached` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let memcached = servers::memcached().args(["-m", "256"]).start()?;
/// println!("{}", memcached.addr());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn memcached() -> Executor {
    let server = server("memcached", "memcached -l 127.0.0.1 -p {port} -U 0").current_dir("{dir}");
    let server = if is_root() { server.args(["-u", "root"]) } else { server };
    server.tcp("127.0.0.1:{port}")
}

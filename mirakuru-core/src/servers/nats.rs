use super::server;
use crate::executor::Executor;
use crate::types::Signal;

/// NATS.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `nats://127.0.0.1:{port}`, without a password |
/// | off for tests | JetStream; `.args(["--jetstream", "--store_dir", "{dir}/jetstream"])` has it |
/// | stops by | SIGINT, with code 0; after SIGTERM it exits with code 1 |
/// | packages | Debian `nats-server`, Homebrew `nats-server` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let nats = servers::nats().args(["-m", "{port:monitor}"]).http("http://127.0.0.1:{port:monitor}/healthz");
/// println!("{}", nats.start()?.render("nats://127.0.0.1:{port}")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn nats() -> Executor {
    server("nats", "nats-server -a 127.0.0.1 -p {port}")
        .current_dir("{dir}")
        .tcp("127.0.0.1:{port}")
        .stop_signal(Signal::INT)
}

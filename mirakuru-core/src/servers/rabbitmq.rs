use std::ffi::OsString;
use std::time::Duration;

use super::{not_as_root, server};
use crate::executor::Executor;
use crate::resources::program;

const CONFIGURATION: &str = "\
listeners.tcp.1 = 127.0.0.1:{port}
log.console = true
log.console.level = warning
";

/// RabbitMQ, a single node.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}`, within 60 seconds |
/// | clients | `amqp://guest:guest@127.0.0.1:{port}/` |
/// | ports | `{port}` for clients, `{port:epmd}` and `{port:node}` for Erlang |
/// | files | `{dir}/rabbitmq.conf`, `{dir}/conf.d/*.conf` after it, and `{dir}/mnesia`, which a restart keeps |
/// | off for tests | plugins: the list in `{dir}/plugins` is empty |
/// | as root | runs as the user `rabbitmq`; Debian's program would kill it two seconds after SIGTERM |
/// | packages | Debian `rabbitmq-server`, Homebrew `rabbitmq` |
///
/// `rabbitmqctl` in [`after_ready`](Executor::after_ready) reaches this node. It takes seconds to start.
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// const MANAGEMENT: &str = "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port:http}";
/// let rabbitmq = servers::rabbitmq()
///     .file("{dir}/plugins", "[rabbitmq_management].")
///     .file("{dir}/conf.d/management.conf", MANAGEMENT)
///     .after_ready("rabbitmqctl add_vhost app")
///     .start()?;
/// println!("{}", rabbitmq.render("amqp://guest:guest@127.0.0.1:{port}/app")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "amqp")]
pub fn rabbitmq() -> Executor {
    let mut path = OsString::from("/usr/lib/rabbitmq/bin:");
    path.push(program::path_with_servers());
    not_as_root(server("rabbitmq", "rabbitmq-server"), "rabbitmq")
        // Debian has other programs of the same names in `/usr/sbin`, which change the user by `su`.
        .env("PATH", path)
        .env("HOME", "{dir}")
        .env("RABBITMQ_CONFIG_FILE", "{dir}/rabbitmq.conf")
        .env("RABBITMQ_CONFIG_FILES", "{dir}/conf.d/*.conf")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", "{dir}/plugins")
        .env("RABBITMQ_MNESIA_BASE", "{dir}/mnesia")
        .env("RABBITMQ_LOG_BASE", "{dir}/log")
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_NODENAME", "rabbit@localhost")
        .env("RABBITMQ_DIST_PORT", "{port:node}")
        .env("ERL_EPMD_PORT", "{port:epmd}")
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .file("{dir}/rabbitmq.conf", CONFIGURATION)
        .file("{dir}/plugins", "[].")
        .tcp("127.0.0.1:{port}")
        .timeout(Duration::from_secs(60))
}

use super::server;
use crate::executor::Executor;

/// Without `user`, root would become another user, who cannot read `{dir}`.
const CONFIGURATION: &str = "\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
user root
";

/// Mosquitto, a broker of MQTT.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `mqtt://127.0.0.1:{port}`, without a password |
/// | files | `{dir}/mosquitto.conf` |
/// | off for tests | persistence: a restart begins with no retained messages |
/// | as root | runs as root |
/// | packages | Debian `mosquitto`, Homebrew `mosquitto` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let mosquitto = servers::mosquitto().start()?;
/// println!("{}", mosquitto.render("mqtt://127.0.0.1:{port}")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "mqtt")]
pub fn mosquitto() -> Executor {
    server("mosquitto", "mosquitto -c {dir}/mosquitto.conf")
        .file("{dir}/mosquitto.conf", CONFIGURATION)
        .tcp("127.0.0.1:{port}")
}

use super::server;
use crate::executor::Executor;

const DEFAULTS: &str = "\
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
";

const CONFIGURATION: &str = "\
frontend web
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string haproxy
";

/// HAProxy, which answers all requests itself until it is given another configuration.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `http://127.0.0.1:{port}/` |
/// | files | `{dir}/haproxy.cfg` has the frontend; `{dir}/defaults.cfg`, read before it, has time limits |
/// | stops | at once; SIGUSR1 would wait for clients |
/// | packages | Debian `haproxy`, Homebrew `haproxy` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// const BALANCES: &str = "
/// frontend web
///   bind 127.0.0.1:{port}
///   default_backend apps
/// backend apps
///   server one 127.0.0.1:8001
///   server two 127.0.0.1:8002
/// ";
/// let haproxy = servers::haproxy().file("{dir}/haproxy.cfg", BALANCES).start()?;
/// println!("{}", haproxy.url());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn haproxy() -> Executor {
    server("haproxy", "haproxy -db -f {dir}/defaults.cfg -f {dir}/haproxy.cfg")
        .file("{dir}/defaults.cfg", DEFAULTS)
        .file("{dir}/haproxy.cfg", CONFIGURATION)
        .tcp("127.0.0.1:{port}")
}

use super::server;
use crate::executor::Executor;
use crate::readiness::Http;

/// etcd, a cluster of one.
///
/// | | |
/// |---|---|
/// | ready | `/health` answers, which it does once there is a leader; needs the feature `http` |
/// | clients | `http://127.0.0.1:{port}` |
/// | ports | `{port}` for clients, `{port:peer}` for other members |
/// | files | `{dir}/data`, which a restart keeps |
/// | off for tests | `fsync`, from version 3.5 on; an election takes a tenth of a second instead of one |
/// | packages | Debian `etcd-server`, Homebrew `etcd` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let etcd = servers::etcd().start()?;
/// println!("{}", etcd.render("http://127.0.0.1:{port}/v3/kv/range")?);
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn etcd() -> Executor {
    server("etcd", 
        "etcd --data-dir {dir}/data --listen-client-urls http://127.0.0.1:{port} \
         --advertise-client-urls http://127.0.0.1:{port} --listen-peer-urls http://127.0.0.1:{port:peer} \
         --initial-advertise-peer-urls http://127.0.0.1:{port:peer} \
         --initial-cluster default=http://127.0.0.1:{port:peer} \
         --heartbeat-interval 10 --election-timeout 100",
    )
    // As a flag, older versions would refuse it.
    .env("ETCD_UNSAFE_NO_FSYNC", "true")
    .http(Http::get("http://127.0.0.1:{port}/health"))
}

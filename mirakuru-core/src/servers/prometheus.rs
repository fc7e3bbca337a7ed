use super::server;
use crate::executor::Executor;

/// Prometheus, which scrapes nothing.
///
/// | | |
/// |---|---|
/// | ready | `/-/ready` answers; for a while after its port is open that is 503; needs the feature `http` |
/// | clients | `http://127.0.0.1:{port}/` |
/// | files | `{dir}/prometheus.yml`, and `{dir}/data`, which a restart keeps |
/// | packages | Debian `prometheus`, Homebrew `prometheus` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// const TARGETS: &str = "
/// scrape_configs:
///   - job_name: app
///     scrape_interval: 1s
///     static_configs: [{targets: ['127.0.0.1:8000']}]
/// ";
/// let prometheus = servers::prometheus().file("{dir}/prometheus.yml", TARGETS).start()?;
/// println!("{}api/v1/targets", prometheus.url());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn prometheus() -> Executor {
    server(
        "prometheus",
        "prometheus --config.file={dir}/prometheus.yml --storage.tsdb.path={dir}/data \
         --web.listen-address=127.0.0.1:{port}",
    )
    .file("{dir}/prometheus.yml", "scrape_configs: []\n")
    .http("http://127.0.0.1:{port}/-/ready")
}

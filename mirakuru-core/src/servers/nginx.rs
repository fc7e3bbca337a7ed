use super::{is_root, server};
use crate::executor::Executor;

const CONFIGURATION: &str = "\
daemon off;
pid {dir}/nginx.pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path {dir}/tmp-body;
  proxy_temp_path {dir}/tmp-proxy;
  fastcgi_temp_path {dir}/tmp-fastcgi;
  uwsgi_temp_path {dir}/tmp-uwsgi;
  scgi_temp_path {dir}/tmp-scgi;
  include {dir}/http.d/*.conf;
  server {
    listen 127.0.0.1:{port};
    root {dir}/www;
    include {dir}/server.d/*.conf;
  }
}
";

/// nginx, which serves the files in `{dir}/www`.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `http://127.0.0.1:{port}/` |
/// | files | `{dir}/nginx.conf`; `{dir}/server.d/*.conf` is included in its `server`, `{dir}/http.d/*.conf` in its `http` |
/// | off for tests | the access log |
/// | as root | its workers run as root, so that they can read all files |
/// | stops by | SIGTERM, at once; SIGQUIT would wait for clients |
/// | packages | Debian `nginx-light`, Homebrew `nginx` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let proxy = servers::nginx()
///     .file("{dir}/www/index.html", "<p>hello")
///     .file("{dir}/server.d/app.conf", "location /api/ { proxy_pass http://127.0.0.1:8000/; }")
///     .start()?;
/// println!("{}api/users", proxy.url());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub fn nginx() -> Executor {
    let server = server("nginx", "nginx -p {dir} -e stderr -c {dir}/nginx.conf");
    let server = if is_root() { server.args(["-g", "user root;"]) } else { server };
    server.file("{dir}/nginx.conf", CONFIGURATION).tcp("127.0.0.1:{port}")
}

//! Servers that use each other.

use std::fs;

use mirakuru_rstest::{Executor, Result, Signal};
use mirakuru_tests::{http_get, need};

/// nginx in front of another server, whose address is in the environment.
const PROXY: &str = r#"
cat > {dir}/nginx.conf <<END
daemon off;
pid {dir}/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://${BEHIND}; }
    }
}
END
exec "${NGINX}" -p {dir} -e stderr -c {dir}/nginx.conf
"#;

#[test]
fn a_proxy_tells_that_the_server_behind_it_is_stopped() -> Result<()> {
    let (Some(nginx), Some(python)) = (need("nginx"), need("python3")) else { return Ok(()) };
    let words = ["-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{dir}"];
    let mut files = Executor::new([python]).args(words).http("http://127.0.0.1:{port}/").start()?;
    fs::write(files.dir().join("file"), "text").unwrap();
    let proxy = Executor::shell(PROXY).name("proxy").stop_signal(Signal::QUIT);
    let proxy = proxy
        .env("NGINX", nginx)
        .env("BEHIND", files.addr().to_string())
        .http("http://127.0.0.1:{port}/");
    let proxy = proxy.start()?;

    let url = format!("{}file", proxy.url());
    assert_eq!(http_get(&url), (200, "text".to_owned()));
    let (code, _) = files.stopped(|| http_get(&url))?;
    assert_eq!(code, 502);
    assert_eq!(http_get(&url), (200, "text".to_owned()));
    Ok(())
}

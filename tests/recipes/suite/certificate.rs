use std::process::{Command, Stdio};

use mirakuru_rstest::{Executor, Process, servers, with_process};

fn website() -> Executor {
    servers::nginx()
        .before_start(
            "openssl req -x509 -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
             -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
             -keyout {dir}/key.pem -out {dir}/certificate.pem",
        )
        .file(
            "{dir}/server.d/tls.conf",
            "listen 127.0.0.1:{port:tls} ssl;
             ssl_certificate {dir}/certificate.pem;
             ssl_certificate_key {dir}/key.pem;",
        )
        .tcp("127.0.0.1:{port:tls}")
}

#[with_process(website)]
#[test]
fn its_certificate_is_verified(website: &Process) {
    let address = website.render("127.0.0.1:{port:tls}").unwrap();
    let trusted = website.dir().join("certificate.pem");
    let connect = ["s_client", "-brief", "-verify_return_error", "-connect", &address];
    let mut client = Command::new("openssl");
    client.args(connect).arg("-CAfile").arg(trusted).stdin(Stdio::null());
    assert!(client.output().unwrap().status.success());
}

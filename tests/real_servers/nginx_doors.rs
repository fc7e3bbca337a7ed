//! nginx on a Unix socket, and with TLS.

use std::time::Duration;

use mirakuru_rstest::{Error, ErrorKind, Executor, Http, Result};
use rstest::rstest;

use crate::nginx::configured;
use crate::{Client, LIMIT, refuses_unix};

/// Returns a configuration with these servers.
fn with_servers(prepare: &str, servers: &str) -> Option<Executor> {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {{dir}}/{name};"));
    let config = format!(
        "daemon off; pid {{dir}}/pid; events {{ }} error_log stderr notice; \
         http {{ access_log /dev/stdout; {} {servers} }}",
        paths.concat()
    );
    configured(prepare, &config)
}

fn fails(executor: Executor) -> Error {
    let error = executor.timeout(Duration::from_secs(1)).start().expect_err("the answer is wrong");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    error
}

#[track_caller]
fn reports(error: &Error, part: &str) {
    assert!(format!("{error:?}").contains(part), "`{part}` is not in {error:?}");
}

fn on_a_socket() -> Option<Executor> {
    let locations = r#"location /health { return 200 "well"; }
        location /busy { return 503 "warming up"; } location /moved { return 302 /health; }
        location / { return 404; }"#;
    with_servers("", &format!("server {{ listen unix:{{dir}}/nginx.sock; {locations} }}"))
}

#[test]
fn answers_through_a_unix_socket() -> Result<()> {
    let Some(nginx) = on_a_socket() else { return Ok(()) };
    let mut nginx = nginx.http(Http::get("http://unix:{dir}/nginx.sock:/health?a=b")).start()?;
    let socket = nginx.dir().join("nginx.sock");
    assert_eq!(nginx.url(), format!("http://unix:{}:/health?a=b", socket.display()));
    nginx.log().wait_for(r#""GET /health\?a=b HTTP/1\.1" 200 4 .*"mirakuru/"#, LIMIT)?;

    let mut client = Client::unix(&socket);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.line(), "HTTP/1.1 404 Not Found");
    assert!(nginx.stopped(|| refuses_unix(&socket))?);
    assert!(nginx.stop()?.success());
    Ok(())
}

#[test]
fn the_path_of_a_socket_is_relative_to_the_directory_of_the_process() -> Result<()> {
    let Some(nginx) = on_a_socket() else { return Ok(()) };
    let nginx = nginx.current_dir("{dir}").http("http://unix:nginx.sock:/health").start()?;
    assert_eq!(nginx.url(), "http://unix:nginx.sock:/health");
    Ok(())
}

#[rstest]
#[case("busy", "HTTP status 503: warming up")]
#[case("moved", "HTTP status 302, to http://localhost/health; redirects are not followed")]
#[case("missing", "HTTP status 404: <html>")]
fn a_wrong_answer_through_a_socket_is_quoted(#[case] path: &str, #[case] expected: &str) {
    let Some(nginx) = on_a_socket() else { return };
    let get = Http::get(format!("http://unix:{{dir}}/nginx.sock:/{path}"));
    reports(&fails(nginx.http(get)), expected);
}

#[test]
fn a_socket_of_another_nginx_is_not_taken_for_its_own() -> Result<()> {
    let (Some(first), Some(second)) = (on_a_socket(), on_a_socket()) else { return Ok(()) };
    let first = first.http("http://unix:{dir}/nginx.sock:/health").start()?;
    let error = second.http(first.url()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyRunning);
    reports(&error, &format!("pid {}", first.pid()));
    Ok(())
}

#[cfg(feature = "https")]
mod https {
    use mirakuru_tests::need;

    use super::{Executor, Http, Result, fails, reports, rstest, with_servers};

    /// Two names at one port: `localhost`, and any other, whose handshake is rejected.
    fn nginx() -> Option<Executor> {
        let openssl = need("openssl")?;
        let prepare = format!(
            "'{}' req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
             -subj /CN=localhost -keyout {{dir}}/key.pem -out {{dir}}/cert.pem 2>/dev/null",
            openssl.display()
        );
        let servers = r#"
            ssl_certificate cert.pem; ssl_certificate_key key.pem;
            server { listen 127.0.0.1:PORT ssl; server_name localhost;
                location / { return 200 "well"; }
                location /busy { return 503 "warming up"; }
                location /moved { return 302 /; } }
            server { listen 127.0.0.1:PORT ssl default_server; ssl_reject_handshake on; }
            server { listen 127.0.0.1:OTHER ssl; return 204; }
            server { listen 127.0.0.1:PLAIN; return 204; }"#;
        let servers = servers.replace("PORT", "{port}").replace("OTHER", "{port:other}");
        with_servers(&prepare, &servers.replace("PLAIN", "{port:plain}"))
    }

    #[rstest]
    #[case(Http::head("https://localhost:{port}/"))]
    #[case(Http::get("https://localhost:{port}/busy").status(503))]
    #[case(Http::post("https://localhost:{port}/").form([("a", "b")]))]
    #[case(Http::head("https://127.0.0.1:{port:other}/"))]
    fn answers_with_a_certificate_that_it_signed_itself(#[case] http: Http) -> Result<()> {
        let Some(nginx) = nginx() else { return Ok(()) };
        let mut nginx = nginx.http(http).start()?;
        assert!(nginx.url().starts_with(&format!("https://{}/", nginx.addr())), "{}", nginx.url());
        assert!(nginx.stop()?.success());
        Ok(())
    }

    #[rstest]
    #[case("https://localhost:{port}/busy", "HTTP status 503: warming up")]
    #[case("https://localhost:{port}/moved", "HTTP status 302, to https://localhost")]
    #[case("https://127.0.0.1:{port}/", "the TLS handshake failed: received fatal alert")]
    #[case("https://127.0.0.1:{port:plain}/", "does it speak plain http?")]
    #[case("http://127.0.0.1:{port:other}/", "HTTP status 400: <html>")]
    fn a_wrong_answer_says_what_is_wrong(#[case] url: &str, #[case] expected: &str) {
        let Some(nginx) = nginx() else { return };
        reports(&fails(nginx.http(Http::get(url))), expected);
    }
}

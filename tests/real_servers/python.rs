//! Python's own servers: IPv6, HEAD, and a port that is not reused.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor, Http, Result, Signal};
use mirakuru_tests::{eventually, http_get, need, scratch_dir, try_http_get};
use rstest::rstest;

use crate::{Client, LIMIT, assert_gone, children, refuses, tree};

/// Serves the files of `{dir}`.
fn http_server(address: &str) -> Option<Executor> {
    let python = need("python3")?;
    let words = ["-u", "-m", "http.server", "{port}", "--directory", "{dir}", "--bind", address];
    Some(Executor::new([python]).args(words))
}

fn on_ipv4() -> Option<Executor> {
    Some(http_server("127.0.0.1")?.http("http://127.0.0.1:{port}/"))
}

fn script(text: &str) -> Option<Executor> {
    Some(Executor::new([need("python3")?]).args(["-u", "-c"]).arg(text))
}

/// Returns true if there is an IPv6 loopback address; otherwise prints that the test is skipped.
fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        println!("skipped: no IPv6 here");
    }
    has
}

#[test]
fn serves_a_file_and_is_ended_by_the_stop_signal() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let mut server = server.start()?;
    fs::write(server.dir().join("file"), "text").unwrap();
    let url = format!("{}file", server.url());
    assert_eq!(http_get(&url), (200, "text".to_owned()));

    let pids = tree(&server);
    let exit = server.stop()?;
    assert_eq!((exit.signal(), exit.was_killed()), (Some(Signal::TERM), false));
    assert!(try_http_get(&url).is_err());
    assert_gone(&pids);
    Ok(())
}

#[test]
fn is_asked_by_head_once_it_listens() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let server = server.start()?;
    let line = server.log().wait_for(r#""HEAD / HTTP/1\.1" 200"#, LIMIT)?;
    assert!(line.starts_with("127.0.0.1 "), "{line}");
    assert_eq!(server.log().read()?.matches("HEAD").count(), 1);
    Ok(())
}

#[test]
fn refuses_while_it_is_stopped_and_serves_the_same_directory_after() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let mut server = server.start()?;
    fs::write(server.dir().join("file"), "text").unwrap();
    let (url, addr, pids) = (format!("{}file", server.url()), server.addr(), tree(&server));
    assert_eq!(http_get(&url).0, 200);
    let refused = server.stopped(|| {
        assert_gone(&pids);
        refuses(addr)
    })?;
    assert!(refused);
    assert_eq!(http_get(&url), (200, "text".to_owned()));
    Ok(())
}

#[test]
fn an_interrupt_is_an_orderly_end() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let mut server = server.stop_signal(Signal::INT).expect_exit(0).start()?;
    assert_eq!(server.stop()?.code(), Some(0));
    let log = server.log().read()?;
    assert!(log.contains("Keyboard interrupt received, exiting."), "{log}");
    Ok(())
}

#[test]
fn an_end_that_was_not_expected_is_an_error_once() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let mut server = server.expect_exit(0).start()?;
    let error = server.stop().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert_eq!(error.exit().and_then(|exit| exit.signal()), Some(Signal::TERM));
    assert_eq!(server.stop()?.signal(), Some(Signal::TERM));
    Ok(())
}

#[rstest]
#[case(Http::head("http://127.0.0.1:{port}/missing").status(404))]
#[case(Http::get("http://127.0.0.1:{port}/missing").status("4.."))]
#[case(Http::post("http://127.0.0.1:{port}/").status("(404|501)"))]
#[case(Http::request("BREW", "http://127.0.0.1:{port}/").status(501))]
fn is_ready_by_the_status_that_was_asked_for(#[case] http: Http) -> Result<()> {
    let Some(server) = http_server("127.0.0.1") else { return Ok(()) };
    let server = server.http(http).start()?;
    assert_eq!(http_get(&format!("http://{}/", server.addr())).0, 200);
    Ok(())
}

#[rstest]
#[case::by_address("http://[::1]:{port}/")]
#[case::by_name("http://localhost:{port}/")]
fn on_ipv6_only_it_is_found_there(#[case] url: &str) -> Result<()> {
    let Some(server) = http_server("::1").filter(|_| has_ipv6()) else { return Ok(()) };
    let mut server = server.http(url).start()?;
    assert_eq!(server.addr().ip(), IpAddr::from(Ipv6Addr::LOCALHOST));
    assert_eq!(server.url(), format!("http://[::1]:{}/", server.port()));
    assert_eq!(http_get(&server.url()).0, 200);
    assert!(refuses((Ipv4Addr::LOCALHOST, server.port()).into()));

    let addr = server.addr();
    assert!(server.stopped(|| refuses(addr))?);
    assert_eq!(http_get(&server.url()).0, 200);
    Ok(())
}

#[rstest]
#[case::by_http(|server: Executor| server.http("http://localhost:{port}/"))]
#[case::by_tcp(|server: Executor| server.tcp("localhost:{port}"))]
fn on_ipv4_only_localhost_is_found_there(#[case] wait: fn(Executor) -> Executor) -> Result<()> {
    let Some(server) = http_server("127.0.0.1") else { return Ok(()) };
    let server = wait(server).start()?;
    assert_eq!(server.addr().ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
    assert_eq!(http_get(&format!("http://{}/", server.addr())).0, 200);
    Ok(())
}

#[test]
fn two_of_one_executor_serve_directories_of_their_own() -> Result<()> {
    let Some(server) = on_ipv4() else { return Ok(()) };
    let (one, other) = (server.start()?, server.start()?);
    fs::write(one.dir().join("file"), "text").unwrap();
    assert_eq!(http_get(&format!("{}file", one.url())).0, 200);
    assert_eq!(http_get(&format!("{}file", other.url())).0, 404);
    Ok(())
}

#[test]
fn an_address_of_another_machine_is_reported_at_once() {
    let Some(server) = http_server("192.0.2.1") else { return };
    let server = server.http("http://127.0.0.1:{port}/").timeout(LIMIT * 60);
    let error = server.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    assert!(format!("{error:?}").contains("Cannot assign requested address"), "{error:?}");
}

#[test]
fn the_working_directory_is_served() -> Result<()> {
    let Some(python) = need("python3") else { return Ok(()) };
    let dir = scratch_dir();
    fs::write(dir.join("file"), "text").unwrap();
    let words = ["-m", "http.server", "{port}", "--bind", "127.0.0.1"];
    let server = Executor::new([python]).args(words).current_dir(&*dir);
    let server = server.http("http://127.0.0.1:{port}/file").start()?;
    assert_eq!(http_get(&server.url()), (200, "text".to_owned()));
    Ok(())
}

#[test]
fn a_process_for_each_connection_ends_with_the_server() -> Result<()> {
    const SCRIPT: &str = r#"
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
socketserver.ForkingTCPServer.allow_reuse_address = True
socketserver.ForkingTCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"#;
    let Some(server) = script(SCRIPT) else { return Ok(()) };
    let mut server = server.arg("{port}").tcp("127.0.0.1:{port}").start()?;
    let mut clients: Vec<_> = (0..3).map(|_| Client::tcp(server.addr())).collect();
    for client in &mut clients {
        client.send("hello\n");
        assert_eq!(client.line(), "hello");
    }
    eventually(LIMIT, || children(server.pid()).len() == clients.len());

    let pids = tree(&server);
    server.stop()?;
    assert_gone(&pids);
    assert!(clients.iter_mut().all(|client| client.line().is_empty()));
    Ok(())
}

#[test]
fn a_server_that_does_not_reuse_addresses_gets_its_port_too() -> Result<()> {
    const SCRIPT: &str = r#"
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())
socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"#;
    let Some(server) = script(SCRIPT) else { return Ok(()) };
    let server = server.arg("{port}").tcp("127.0.0.1:{port}").start()?;
    let mut client = Client::tcp(server.addr());
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
    Ok(())
}

#[test]
fn a_condition_that_held_for_a_while_only_does_not_hold() {
    // A database image listens while it is initialised, and again when it is ready.
    const SCRIPT: &str = r#"
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    listener.accept()
print("filled")
time.sleep(3600)
"#;
    let Some(server) = script(SCRIPT) else { return };
    let server = server.arg("{port}").tcp("127.0.0.1:{port}").output("filled");
    match server.timeout(Duration::from_secs(2)).start() {
        Ok(server) => assert!(!refuses(server.addr()), "it counts as started"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout),
    }
}

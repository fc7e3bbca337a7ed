//! nginx: a master and its workers, in the foreground or as a daemon with a pid file.

use std::fs;
use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor, Http, Process, Result, Signal, Status};
use mirakuru_tests::{eventually, http_get, need, scratch_dir};
use rstest::rstest;

use crate::{Client, LIMIT, assert_gone, children, refuses, refuses_unix, tree};

/// The common part of the configurations. Braces are doubled for the library.
const COMMON: &str = r#"
worker_processes 2;
pid {dir}/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
    access_log /dev/stdout;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{port:admin};
        location = / { return 200 "hello from $server_port"; }
        location = /moved { return 302 /; }
        location = /health {
            if ($request_method = HEAD) { return 405; }
            return 204;
        }
        location = /login {
            if ($request_method != POST) { return 403; }
            if ($http_x_ready != yes) { return 503; }
            return 201;
        }
        location / { return 404; }
    }
}
"#;

pub(crate) fn nginx(directives: &str) -> Option<Executor> {
    configured("", &format!("{directives}\n{COMMON}"))
}

/// A shell creates the directories and writes the configuration, because only the library knows
/// the ports; then it becomes nginx.
pub(crate) fn configured(prepare: &str, config: &str) -> Option<Executor> {
    let nginx = need("nginx")?;
    let script = format!(
        "{prepare}\ncat > {{dir}}/nginx.conf <<'END'\n{config}\nEND\n\
         exec '{}' -p {{dir}} -e stderr -c {{dir}}/nginx.conf",
        nginx.display()
    );
    Some(Executor::shell(script).name("nginx").stop_signal(Signal::QUIT))
}

fn in_foreground() -> Option<Executor> {
    Some(nginx("daemon off;")?.http("http://127.0.0.1:{port}/"))
}

pub(crate) fn as_daemon() -> Option<Executor> {
    Some(nginx("")?.pid_file("{dir}/nginx.pid").http("http://127.0.0.1:{port}/"))
}

#[track_caller]
pub(crate) fn get(nginx: &Process, path: &str) -> (u16, String) {
    http_get(&format!("http://{}{path}", nginx.addr()))
}

#[rstest]
#[case::in_foreground(in_foreground())]
#[case::as_daemon(as_daemon())]
fn answers_and_quits_with_0_and_all_its_workers(#[case] nginx: Option<Executor>) -> Result<()> {
    let Some(nginx) = nginx else { return Ok(()) };
    let mut nginx = nginx.start()?;
    assert_eq!(get(&nginx, "/"), (200, format!("hello from {}", nginx.port())));
    assert_eq!(get(&nginx, "/missing").0, 404);
    eventually(LIMIT, || children(nginx.pid()).len() == 2);

    let pids = tree(&nginx);
    assert_eq!(pids.len(), 3, "a master and two workers");
    let exit = nginx.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert!(refuses(nginx.addr()));
    assert_gone(&pids);
    Ok(())
}

#[rstest]
#[case::in_foreground(in_foreground())]
#[case::as_daemon(as_daemon())]
fn refuses_while_it_is_stopped_and_answers_after(#[case] nginx: Option<Executor>) -> Result<()> {
    let Some(nginx) = nginx else { return Ok(()) };
    let mut nginx = nginx.start()?;
    let (url, addr, pids) = (nginx.url(), nginx.addr(), tree(&nginx));
    let refused = nginx.stopped(|| {
        assert_gone(&pids);
        refuses(addr)
    })?;
    assert!(refused);
    assert_eq!(nginx.url(), url);
    assert_eq!(http_get(&url).0, 200);
    Ok(())
}

#[rstest]
#[case::in_foreground(in_foreground())]
#[case::as_daemon(as_daemon())]
fn a_reload_gives_new_workers_of_the_same_master(#[case] nginx: Option<Executor>) -> Result<()> {
    let Some(nginx) = nginx else { return Ok(()) };
    let mut nginx = nginx.start()?;
    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    let (master, old) = (nginx.pid(), children(nginx.pid()));
    nginx.signal(Signal::HUP)?;
    eventually(LIMIT, || {
        let new = children(master);
        new.len() == 2 && new.iter().all(|pid| !old.contains(pid))
    });
    assert_gone(&old);
    assert_eq!(nginx.pid(), master);
    assert_eq!(get(&nginx, "/").0, 200);
    Ok(())
}

#[rstest]
#[case::in_foreground(in_foreground())]
#[case::as_daemon(as_daemon())]
fn a_pause_is_one_of_all_workers(#[case] nginx: Option<Executor>) -> Result<()> {
    let Some(nginx) = nginx else { return Ok(()) };
    let mut nginx = nginx.start()?;
    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    nginx.pause()?;
    let mut client = Client::tcp(nginx.addr());
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(client.waits_in_vain());
    nginx.resume()?;
    assert_eq!(client.line(), "HTTP/1.1 200 OK");
    Ok(())
}

#[test]
fn a_quit_waits_for_a_connection_only_until_the_time_to_stop_is_over() -> Result<()> {
    let Some(nginx) = in_foreground() else { return Ok(()) };
    let mut nginx = nginx.stop_timeout(Duration::from_millis(300)).start()?;
    eventually(LIMIT, || children(nginx.pid()).len() == 2);
    let pids = tree(&nginx);
    // A request that is never completed.
    let mut client = Client::tcp(nginx.addr());
    client.send("GET / HTTP/1.1\r\nHost: ");
    assert!(nginx.stop()?.was_killed());
    assert_gone(&pids);
    Ok(())
}

#[rstest]
#[case(Http::head("http://127.0.0.1:{port}/missing").status(404))]
#[case(Http::get("http://127.0.0.1:{port}/missing").status("(404|410)"))]
#[case(Http::get("http://127.0.0.1:{port}/moved").status(302))]
#[case(Http::head("http://127.0.0.1:{port}/moved").status(300..=399))]
#[case(Http::get("http://localhost:{port}/").status(200))]
#[case(Http::head("http://127.0.0.1:{port}/health"))]
#[case(Http::post("http://127.0.0.1:{port}/login").header("X-Ready", "yes").form([("a", "b")]))]
#[case(Http::get("http://127.0.0.1:{port:admin}/"))]
fn is_ready_by_the_status_that_was_asked_for(#[case] http: Http) -> Result<()> {
    let Some(nginx) = nginx("daemon off;") else { return Ok(()) };
    let nginx = nginx.http(http).start()?;
    assert_eq!(get(&nginx, "/").0, 200);
    Ok(())
}

#[rstest]
#[case("/missing", Status::from(200..=299), "404")]
#[case("/moved", Status::from(200), "302")]
#[case("/", Status::from("4.."), "200")]
fn is_not_ready_by_another_status(
    #[case] path: &str,
    #[case] wanted: Status,
    #[case] answered: &str,
) {
    let Some(nginx) = nginx("daemon off;") else { return };
    let http = Http::head(format!("http://127.0.0.1:{{port}}{path}")).status(wanted);
    let error = nginx.http(http).timeout(Duration::from_secs(3)).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let report = format!("{error:?}");
    assert!(report.contains(&format!("HTTP status {answered}")), "{report}");
}

#[test]
fn its_log_tells_of_a_request() -> Result<()> {
    let Some(nginx) = in_foreground() else { return Ok(()) };
    let nginx = nginx.start()?;
    assert_eq!(get(&nginx, "/who?is=there").0, 404);
    let line = nginx.log().wait_for(r#""GET /who\?is=there HTTP/1\.1" 404"#, LIMIT)?;
    assert!(line.starts_with("127.0.0.1 "), "{line}");
    Ok(())
}

#[test]
fn two_ports_and_two_instances_do_not_meet() -> Result<()> {
    let Some(nginx) = in_foreground() else { return Ok(()) };
    let (one, other) = (nginx.start()?, nginx.start()?);
    for nginx in [&one, &other] {
        for port in [nginx.port(), nginx.port_named("admin")] {
            let (_, body) = http_get(&format!("http://127.0.0.1:{port}/"));
            assert_eq!(body, format!("hello from {port}"));
        }
    }
    assert_ne!(one.port(), other.port());
    drop(one);
    assert_eq!(get(&other, "/").0, 200);
    Ok(())
}

#[test]
fn a_faulty_configuration_is_reported_at_once_in_the_words_of_nginx() {
    let Some(nginx) = nginx("daemon off;\nno_such_directive;") else { return };
    let error = nginx.http("http://127.0.0.1:{port}/").timeout(LIMIT * 60).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    let report = format!("{error:?}");
    assert!(report.contains("unknown directive \"no_such_directive\""), "{report}");
}

#[test]
fn a_configuration_file_of_the_tests_own_listens_on_a_unix_socket() -> Result<()> {
    let Some(program) = need("nginx") else { return Ok(()) };
    let dir = scratch_dir();
    let (config, socket) = (dir.join("nginx.conf"), dir.join("nginx.sock"));
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};"));
    let text = format!(
        "daemon off; pid nginx.pid; events {{}} http {{ access_log off; {} \
         server {{ listen unix:{}; return 204; }} }}",
        paths.join(" "),
        socket.display()
    );
    fs::write(&config, text).unwrap();
    let words = ["-e", "stderr", "-c", "nginx.conf", "-p"];
    let nginx = Executor::new([program]).args(words).arg(&*dir).stop_signal(Signal::QUIT);
    let mut nginx = nginx.current_dir(&*dir).unix_socket("nginx.sock").start()?;

    let mut client = Client::unix(&socket);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.line(), "HTTP/1.1 204 No Content");
    assert!(nginx.stopped(|| refuses_unix(&socket))?);
    assert!(nginx.stop()?.success());
    Ok(())
}

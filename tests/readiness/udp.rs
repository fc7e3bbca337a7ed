//! A UDP port.

use std::time::Duration;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports};
use mirakuru_tests::{bin, free_port};

fn server(options: &[&str]) -> Executor {
    Executor::new([bin!("mk-replies"), "udp", "{udp}"]).args(options).timeout(LONG)
}

#[test]
fn a_port_is_ready_when_a_socket_is_bound_to_it() {
    let process = server(&[]).udp("127.0.0.1:{udp}").start_when_ready();
    assert_eq!(process.addr().port(), process.port());
}

#[test]
fn localhost_is_either_family() {
    for host in ["127.0.0.1", "::1", "0.0.0.0", "::"] {
        server(&["--host", host]).udp("localhost:{udp}").start_when_ready();
    }
}

#[test]
fn a_port_that_is_never_bound_is_a_timeout() {
    let executor = Executor::new("sleep 300").udp("127.0.0.1:{udp}").timeout(SHORT);
    reports(&fails(&executor, ErrorKind::Timeout), &["a UDP socket at 127.0.0.1:"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_server_that_uses_tcp_is_told_from_one_that_uses_udp() {
    let tcp = Executor::new([bin!("mk-replies"), "tcp", "{udp}"]).udp("127.0.0.1:{udp}");
    let error = fails(&tcp.timeout(Duration::from_secs(1)), ErrorKind::Timeout);
    reports(&error, &["no socket is bound to UDP 127.0.0.1:", "for TCP: wait for `tcp`"]);
    let udp = server(&[]).tcp("127.0.0.1:{port}").timeout(SHORT);
    fails(&udp, ErrorKind::Timeout);
}

#[test]
fn the_placeholder_of_a_udp_port_is_refused_in_an_address_of_tcp() {
    let executor = Executor::new("sleep 300");
    for executor in [
        executor.clone().tcp("127.0.0.1:{udp}"),
        executor.clone().http("http://127.0.0.1:{udp}/"),
        executor.clone().reply("tcp://127.0.0.1:{udp}", "", "ready"),
    ] {
        let error = fails(&executor, ErrorKind::InvalidInput).to_string();
        assert!(error.contains("is a UDP port") && error.contains("`{port}`"), "{error}");
    }
    let named = fails(&executor.clone().tcp("127.0.0.1:{udp:dns}"), ErrorKind::InvalidInput);
    assert!(named.to_string().contains("`{port:dns}`"), "{named}");
    fails(&executor.udp("127.0.0.1:0"), ErrorKind::InvalidInput);
}

#[cfg(not(mirakuru_fallback))]
mod strangers {
    use std::net::UdpSocket;
    use std::process;
    use std::sync::Mutex;

    use mirakuru_core::Attempt;
    use mirakuru_tests::program::bind_beside_others;

    use super::*;

    #[test]
    fn a_stranger_on_the_port_before_the_start_is_named() {
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = stranger.local_addr().unwrap().to_string();
        let executor = Executor::new("sleep 300").udp(&address);
        let error = fails(&executor, ErrorKind::AlreadyRunning);
        reports(&error, &[&address, &format!("pid {}", process::id())]);
        // The client of another server is no server.
        stranger.connect(("127.0.0.1", free_port())).unwrap();
        fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    }

    #[test]
    fn a_stranger_on_the_port_after_the_start_is_named() {
        let taken = Mutex::new(None);
        let take = move |attempt: &Attempt<'_>| {
            let bind = || UdpSocket::bind(("127.0.0.1", attempt.port().unwrap())).unwrap();
            taken.lock().unwrap().get_or_insert_with(bind);
            true
        };
        let executor = Executor::new("sleep 300").probe(take).udp("127.0.0.1:{udp}");
        let error = fails(&executor.timeout(LONG), ErrorKind::AlreadyRunning);
        reports(&error, &["another process", &format!("pid {}", process::id())]);
    }

    #[test]
    fn a_stranger_that_gets_a_part_of_the_datagrams_is_named() {
        let ours = server(&["--share"]).udp("127.0.0.1:{udp}").start_when_ready();
        assert!(ours.is_running());

        let taken = Mutex::new(None);
        let take = move |attempt: &Attempt<'_>| {
            let bind = || bind_beside_others(attempt.port().unwrap()).unwrap();
            taken.lock().unwrap().get_or_insert_with(bind);
            true
        };
        let executor = server(&["--share"]).output("bound to").probe(take).udp("127.0.0.1:{udp}");
        let error = fails(&executor, ErrorKind::AlreadyRunning);
        reports(&error, &["another process", &format!("pid {}", process::id())]);
    }
}

//! Proxies, tunnels and relays.
//!
//! tinyproxy 1.11 has no row: one stop in some hundreds has to kill it. It looks at the flag that
//! its handler of SIGTERM sets, then calls `poll` without a limit, and misses a signal in between.

use super::{Client, ROW, Row, servers};

const GREET_SOCKS_5: Client = Client::Tcp(b"\x05\x01\x00");

/// SOCKS 5, and no authentication is needed.
const SOCKS_5: &str = r"^\x05\x00";

servers! {
    haproxy: Row {
        package: "haproxy",
        program: "haproxy",
        run: r#"cat >conf <<.
defaults
  mode http
  timeout connect 1s
  timeout client 9s
  timeout server 9s
frontend web
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string text
.
            exec haproxy -db -f conf"#,
        ready: |it| it.http("http://127.0.0.1:{port}/"),
        client: Client::Tcp(b"GET / HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*text$",
        ..ROW
    },

    // With a master process, which has sd_notify.
    haproxy_master: Row {
        package: "haproxy",
        program: "haproxy",
        run: r#"cat >conf <<.
defaults
  mode http
  timeout connect 1s
  timeout client 9s
  timeout server 9s
frontend web
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string text
.
            exec haproxy -Ws -f conf"#,
        ready: |it| it.notify(),
        client: Client::Tcp(b"GET / HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*text$",
        ..ROW
    },

    // Both ends: the first one takes plain text, and the second one gives it to `cat`.
    stunnel: Row {
        package: "stunnel4",
        program: "stunnel4",
        run: "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mk \
                -keyout key.pem -out cert.pem 2>openssl.log || { cat openssl.log; exit 1; }
            cat >conf <<.
foreground = yes
pid =
[plain]
client = yes
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{port:tls}
[tls]
accept = 127.0.0.1:{port:tls}
exec = /bin/cat
cert = {dir}/cert.pem
key = {dir}/key.pem
.
            exec stunnel4 conf",
        ready: |it| it.tcp("127.0.0.1:{port}").tcp("127.0.0.1:{port:tls}"),
        client: Client::Tcp(b"through both\n"),
        answer: "^through both\n$",
        places: &["stunnel"],
        ..ROW
    },

    privoxy: Row {
        package: "privoxy",
        program: "privoxy",
        run: "printf 'listen-address 127.0.0.1:{port}\nconfdir /etc/privoxy\nlogdir {dir}\n' >conf
            exec privoxy --no-daemon conf",
        // It exits with the number of the signal.
        ready: |it| it.tcp("127.0.0.1:{port}").expect_exit(15),
        client: Client::Tcp(b"GET http://p.p/ HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*Privoxy",
        ..ROW
    },

    microsocks: Row {
        package: "microsocks",
        program: "microsocks",
        run: "exec microsocks -i 127.0.0.1 -p {port}",
        client: GREET_SOCKS_5,
        answer: SOCKS_5,
        ..ROW
    },

    // Without a network it listens for its controller only.
    tor: Row {
        package: "tor",
        program: "tor",
        run: "echo DisableNetwork 1 >torrc &&
            exec tor --defaults-torrc {dir}/torrc -f {dir}/torrc --DataDirectory {dir}/data \
                --SocksPort 0 --ControlPort 127.0.0.1:{port} --Log 'notice stdout'",
        ready: |it| it.notify(),
        client: Client::Tcp(b"PROTOCOLINFO\r\n"),
        answer: r"^250-PROTOCOLINFO 1\r\n.*\r\n250 OK\r\n$",
        ..ROW
    },

    socat: Row {
        package: "socat",
        program: "socat",
        // Without `reuseaddr` it cannot bind a reserved port, and is started a second time.
        run: "exec socat TCP-LISTEN:{port},bind=127.0.0.1,fork EXEC:/bin/cat",
        client: Client::Tcp(b"back and forth\n"),
        answer: "^back and forth\n$",
        ..ROW
    },

    socat_reuseaddr: Row {
        package: "socat",
        program: "socat",
        run: "exec socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork EXEC:/bin/cat",
        client: Client::Tcp(b"back and forth\n"),
        answer: "^back and forth\n$",
        ..ROW
    },

    socat_unix: Row {
        package: "socat",
        program: "socat",
        run: "exec socat UNIX-LISTEN:{dir}/socket,fork EXEC:/bin/cat",
        ready: |it| it.unix_socket("{dir}/socket"),
        client: Client::Unix("socket", b"back and forth\n"),
        answer: "^back and forth\n$",
        ..ROW
    },

    ncat: Row {
        package: "ncat",
        program: "ncat",
        run: "exec ncat --keep-open --listen 127.0.0.1 {port} --exec /bin/cat",
        client: Client::Tcp(b"back and forth\n"),
        answer: "^back and forth\n$",
        ..ROW
    },

    coturn: Row {
        package: "coturn",
        program: "turnserver",
        run: "exec turnserver -n --listening-ip=127.0.0.1 --listening-port={port} --no-tls --no-dtls \
              --relay-ip=127.0.0.1 --no-cli --pidfile={dir}/pid --log-file=stdout --userdb={dir}/db",
        ready: |it| it.notify(),
        // A STUN binding request and its success response.
        client: Client::Udp(b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction?"),
        answer: r"^\x01\x01.*transaction\?",
        places: &["coturn", "turn_"],
        ..ROW
    },
}

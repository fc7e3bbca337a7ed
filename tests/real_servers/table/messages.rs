//! Brokers, queues and chat.

use super::{Client, ROW, Row, servers};

servers! {
    mosquitto: Row {
        package: "mosquitto",
        program: "mosquitto",
        run: "exec mosquitto -p {port}",
        // CONNECT and CONNACK.
        client: Client::Tcp(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02mk"),
        answer: r"^\x20\x02\x00\x00$",
        ..ROW
    },

    beanstalkd: Row {
        package: "beanstalkd",
        program: "beanstalkd",
        run: "exec beanstalkd -l 127.0.0.1 -p {port}",
        client: Client::Tcp(b"put 0 0 60 4\r\nwork\r\nreserve\r\n"),
        answer: "^INSERTED 1\r\nRESERVED 1 4\r\nwork\r\n$",
        ..ROW
    },

    gearmand: Row {
        package: "gearman-job-server",
        program: "gearmand",
        run: "exec gearmand --listen=127.0.0.1 --port={port} --log-file=stderr --pid-file={dir}/pid",
        client: Client::Tcp(b"version\r\n"),
        answer: r"^OK \d",
        places: &["gearman"],
        ..ROW
    },

    nats: Row {
        package: "nats-server",
        program: "nats-server",
        run: "exec nats-server -a 127.0.0.1 -p {port}",
        ready: |it| it.tcp("127.0.0.1:{port}").expect_exit(1),
        client: Client::Tcp(b"CONNECT {\"verbose\":false}\r\nPING\r\n"),
        answer: "^INFO .*\r\nPONG\r\n$",
        places: &["nats"],
        ..ROW
    },

    ngircd: Row {
        package: "ngircd",
        program: "ngircd",
        run: r#"cat >conf <<.
[Global]
Name = irc.test
Info = test
Listen = 127.0.0.1
Ports = {port}
[Options]
DNS = no
Ident = no
PAM = no
.
            exec ngircd -n -f {dir}/conf"#,
        client: Client::Tcp(b"NICK mk\r\nUSER mk 0 * :mk\r\n"),
        answer: ":irc.test 001 mk :",
        places: &["ngircd"],
        ..ROW
    },

    dbus: Row {
        package: "dbus-daemon",
        program: "dbus-daemon",
        run: "exec dbus-daemon --session --nofork --address=unix:path={dir}/bus",
        ready: |it| it.unix_socket("{dir}/bus"),
        client: Client::Unix("bus", b"\0AUTH\r\n"),
        answer: "^REJECTED EXTERNAL",
        ..ROW
    },

    epmd: Row {
        package: "erlang-base",
        program: "epmd",
        run: "exec epmd -address 127.0.0.1 -port {port}",
        // The names, of which there are none: an answer of four bytes, the port.
        client: Client::Tcp(b"\x00\x01n"),
        answer: r"^\x00\x00..$",
        ..ROW
    },
}

//! Servers that a connection changes: most take one client, and end with it.
//!
//! A wait that connects would be that client.

use super::{Client, ROW, Row, servers};

const LINE: Client = Client::Tcp(b"back and forth\n");

servers! {
    // It closes its listening socket at each connection, and opens another one.
    iperf3: Row {
        package: "iperf3",
        program: "iperf3",
        run: "exec iperf3 --server --bind 127.0.0.1 --port {port}",
        ready: |it| it.tcp("127.0.0.1:{port}").expect_exit(1),
        // The name of a test; the server asks for its parameters.
        client: Client::Tcp(b"abcdefghijklmnopqrstuvwxyz0123456789\0"),
        answer: r"^\x09$",
        ..ROW
    },

    socat_once: Row {
        package: "socat",
        program: "socat",
        run: "exec socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr EXEC:/bin/cat",
        client: LINE,
        answer: "^back and forth\n$",
        ..ROW
    },

    nc: Row {
        package: "netcat-openbsd",
        program: "nc.openbsd",
        run: "echo greeting | nc.openbsd -N -l 127.0.0.1 {port}",
        client: LINE,
        answer: "^greeting\n$",
        ..ROW
    },

    gdbserver: Row {
        package: "gdbserver",
        program: "gdbserver",
        run: "exec gdbserver --once --multi 127.0.0.1:{port}",
        client: Client::Tcp(b"+$qSupported#37"),
        answer: r"\$PacketSize=",
        ..ROW
    },

    nbd_server: Row {
        package: "nbd-server",
        program: "nbd-server",
        run: "truncate -s 1M disk && exec nbd-server 127.0.0.1:{port} {dir}/disk -d -C /dev/null",
        // The client ends the session. One that just goes ends the server too, by SIGPIPE.
        client: Client::Tcp(b"\x00\x00\x00\x01IHAVEOPT\x00\x00\x00\x02\x00\x00\x00\x00"),
        answer: "^NBDMAGICIHAVEOPT",
        ..ROW
    },
}

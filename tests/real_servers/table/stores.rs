//! Stores, caches and block devices.

use mirakuru_rstest::Http;

use super::{Client, ROW, Row, servers};

servers! {
    redis: Row {
        package: "redis-server",
        program: "redis-server",
        run: "exec redis-server --port {port} --bind 127.0.0.1 --save ''",
        client: Client::Tcp(b"PING\r\n"),
        answer: r"^\+PONG\r\n$",
        ..ROW
    },

    redis_unix: Row {
        package: "redis-server",
        program: "redis-server",
        run: "exec redis-server --port 0 --unixsocket {dir}/socket --save ''",
        ready: |it| it.unix_socket("{dir}/socket"),
        client: Client::Unix("socket", b"PING\r\n"),
        answer: r"^\+PONG\r\n$",
        ..ROW
    },

    sentinel: Row {
        package: "redis-sentinel",
        program: "redis-sentinel",
        run: "echo 'sentinel monitor main 127.0.0.1 1 1' >conf &&
            exec redis-sentinel {dir}/conf --port {port} --bind 127.0.0.1 --supervised systemd",
        ready: |it| it.notify(),
        client: Client::Tcp(b"SENTINEL GET-MASTER-ADDR-BY-NAME main\r\n"),
        answer: r"^\*2\r\n\$9\r\n127\.0\.0\.1\r\n",
        places: &["redis"],
        ..ROW
    },

    memcached: Row {
        package: "memcached",
        program: "memcached",
        // Stops after a second.
        run: "exec memcached -u root -l 127.0.0.1 -p {port} -U 0",
        client: Client::Tcp(b"version\r\n"),
        answer: r"^VERSION \d",
        ..ROW
    },

    etcd: Row {
        package: "etcd-server",
        program: "etcd",
        run: "exec etcd --data-dir {dir}/data \
              --listen-client-urls http://127.0.0.1:{port} \
              --advertise-client-urls http://127.0.0.1:{port} \
              --listen-peer-urls http://127.0.0.1:{port:peer} \
              --initial-advertise-peer-urls http://127.0.0.1:{port:peer} \
              --initial-cluster default=http://127.0.0.1:{port:peer}",
        // Its port is open before there is a leader.
        ready: |it| it.http(Http::get("http://127.0.0.1:{port}/health")),
        client: Client::Tcp(
            b"POST /v3/kv/put HTTP/1.0\r\nContent-Length: 29\r\n\r\n\
              {\"key\":\"Zm9v\",\"value\":\"YmFy\"}",
        ),
        answer: r#"^HTTP/1\.[01] 200 .*"revision":"2""#,
        ..ROW
    },

    pgbouncer: Row {
        package: "pgbouncer",
        program: "pgbouncer",
        run: r#"cat >conf <<.
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
.
            exec pgbouncer conf"#,
        refuses_root: true,
        ready: |it| it.notify().expect_exit(1),
        // May the connection be encrypted? No.
        client: Client::Tcp(b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
        answer: "^N$",
        ..ROW
    },

    nbdkit: Row {
        package: "nbdkit",
        program: "nbdkit",
        run: "exec nbdkit --foreground --ipaddr=127.0.0.1 --port={port} memory 1M",
        answer: "^NBDMAGICIHAVEOPT",
        ..ROW
    },

    swtpm: Row {
        package: "swtpm",
        program: "swtpm",
        run: "exec swtpm socket --tpm2 --tpmstate dir={dir} --flags not-need-init \
              --server type=tcp,bindaddr=127.0.0.1,port={port} \
              --ctrl type=tcp,bindaddr=127.0.0.1,port={port:control}",
        // TPM2_Startup.
        client: Client::Tcp(b"\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x44\x00\x00"),
        answer: r"^\x80\x01\x00\x00\x00\x0a\x00\x00",
        ..ROW
    },
}

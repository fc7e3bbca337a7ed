//! Databases and pools that are known for how they stop.
//!
//! firebird 3.0 has no row: two stops in twenty have to kill it. Its handler of SIGTERM then does not
//! wake its main thread, which waits for clients for up to a minute.

use super::{Client, ROW, Row, servers};

servers! {
    // A wrapper that keeps SIGTERM to itself.
    mariadb: Row {
        package: "mariadb-server",
        program: "mysqld_safe",
        run: "mariadb-install-db --no-defaults --datadir={dir}/data --skip-test-db \
                --auth-root-authentication-method=normal >log 2>&1 || { cat log; exit 1; }
            exec mysqld_safe --no-defaults --datadir={dir}/data --socket={dir}/socket \
                --port={port} --bind-address=127.0.0.1 --pid-file={dir}/pid --log-error={dir}/log",
        refuses_root: true,
        slow: true,
        answer: "mysql_native_password",
        places: &["mysql", "mariadb"],
        ..ROW
    },

    pgpool: Row {
        package: "pgpool2",
        program: "pgpool",
        run: r#"cat >conf <<.
listen_addresses = '127.0.0.1'
port = {port}
pcp_listen_addresses = '127.0.0.1'
pcp_port = {port:pcp}
unix_socket_directories = '{dir}'
pcp_socket_dir = '{dir}'
pid_file_name = '{dir}/pid'
logdir = '{dir}'
backend_clustering_mode = 'raw'
backend_hostname0 = '127.0.0.1'
backend_port0 = 1024
num_init_children = 4
memory_cache_enabled = off
.
            touch pcp hba; exec pgpool -n -f {dir}/conf -F {dir}/pcp -a {dir}/hba"#,
        // May the connection be encrypted? No.
        client: Client::Tcp(b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
        answer: "^N$",
        ..ROW
    },
}

//! Tools of other languages.

use super::{Client, ROW, Row, servers};

servers! {
    vite: Row {
        package: "npm vite@8.3.8",
        program: "vite",
        run: "echo '<p>text' >index.html; exec vite --host 127.0.0.1 --port {port} --strictPort",
        client: Client::Tcp(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"),
        answer: r"^HTTP/1\.1 200 .*<p>text",
        ..ROW
    },

    pglite: Row {
        package: "npm @electric-sql/pglite-socket@0.2.17",
        program: "pglite-server",
        run: "exec pglite-server --db=memory:// --host=127.0.0.1 --port={port}",
        slow: true,
        // May the connection be encrypted? No.
        client: Client::Tcp(b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
        answer: "^N$",
        ..ROW
    },

    debugpy: Row {
        package: "python3-debugpy",
        program: "python3",
        run: "exec /usr/bin/python3 -m debugpy --listen 127.0.0.1:{port} --wait-for-client -c pass",
        client: Client::Tcp(
            b"Content-Length: 75\r\n\r\n{\"seq\":1,\"type\":\"request\",\
              \"command\":\"initialize\",\"arguments\":{\"adapterID\":\"\"}}",
        ),
        answer: "^Content-Length: .*\r\n\r\n\\{",
        ..ROW
    },
}

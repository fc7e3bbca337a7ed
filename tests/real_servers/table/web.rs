//! Servers of HTTP.

use mirakuru_rstest::Http;

use super::{Client, ROW, Row, servers};

/// Asks for the file that [`with_file`] writes.
const GET: Client = Client::Tcp(b"GET /file HTTP/1.0\r\nHost: localhost\r\n\r\n");

/// The file.
const FILE: &str = r"^HTTP/1\.[01] 200 .*\r\n\r\ntext\n$";

/// Begins a script: writes a file to serve into `www`.
macro_rules! with_file {
    ($script:literal) => {
        concat!("mkdir www && echo text >www/file\n", $script)
    };
}

const NODE: &str = "exec node --inspect=127.0.0.1:0 -e '
    const answer = (_, it) => it.end(\"the application\");
    require(\"http\").createServer(answer).listen(0, \"127.0.0.1\")'";

servers! {
    lighttpd: Row {
        package: "lighttpd",
        program: "lighttpd",
        run: with_file!(r#"cat >conf <<.
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{dir}/www"
.
            exec lighttpd -D -f conf"#),
        // It exits with 1 if a client is still connected when SIGTERM comes.
        ready: |it| it.http("http://127.0.0.1:{port}/file").expect_exit([0, 1]),
        client: GET,
        answer: FILE,
        ..ROW
    },

    apache2: Row {
        package: "apache2-bin",
        program: "apache2",
        run: with_file!(r#"cat >conf <<.
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
ServerName localhost
ServerRoot {dir}
Listen 127.0.0.1:{port}
PidFile {dir}/pid
ErrorLog /dev/stderr
DocumentRoot {dir}/www
.
            exec apache2 -DFOREGROUND -f {dir}/conf"#),
        refuses_root: true,
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    nginx: Row {
        package: "nginx-light",
        program: "nginx",
        run: with_file!(r#"cat >conf <<.
daemon off;
pid {dir}/pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server { listen 127.0.0.1:{port}; root {dir}/www; }
}
.
            exec nginx -p {dir} -e stderr -c {dir}/conf"#),
        refuses_root: true,
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    caddy: Row {
        package: "caddy",
        program: "caddy",
        run: with_file!(r#"cat >Caddyfile <<.
{
  admin off
  auto_https off
}
:{port}
bind 127.0.0.1
root www
file_server
.
            exec caddy run --config Caddyfile"#),
        ready: |it| it.notify().http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    h2o: Row {
        package: "h2o",
        program: "h2o",
        run: with_file!(r#"cat >conf <<.
listen:
  host: 127.0.0.1
  port: {port}
hosts:
  default:
    paths:
      /:
        file.dir: {dir}/www
.
            exec h2o -c conf"#),
        refuses_root: true,
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    webfs: Row {
        package: "webfs",
        program: "webfsd",
        run: with_file!("exec webfsd -F -4 -i 127.0.0.1 -p {port} -r {dir}/www"),
        refuses_root: true,
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    busybox: Row {
        package: "busybox",
        program: "busybox",
        run: with_file!("exec busybox httpd -f -p 127.0.0.1:{port} -h {dir}/www"),
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    php: Row {
        package: "php-cli",
        program: "php",
        run: with_file!("exec php -S 127.0.0.1:{port} -t www"),
        ready: |it| it.http("http://127.0.0.1:{port}/file"),
        client: GET,
        answer: FILE,
        ..ROW
    },

    fossil: Row {
        package: "fossil",
        program: "fossil",
        run: "fossil init --admin-user admin repository >/dev/null &&
            exec fossil server --localhost --port {port} repository",
        // The front page is a redirect to the wiki.
        ready: |it| it.http(Http::get("http://127.0.0.1:{port}/").status("^(200|302)$")),
        client: Client::Tcp(b"GET /timeline HTTP/1.0\r\nHost: localhost\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*initial empty check-in",
        ..ROW
    },

    node_exporter: Row {
        package: "prometheus-node-exporter",
        program: "prometheus-node-exporter",
        run: "exec prometheus-node-exporter --collector.disable-defaults \
              --web.listen-address=127.0.0.1:{port}",
        ready: |it| it.http("http://127.0.0.1:{port}/metrics"),
        client: Client::Tcp(b"GET /metrics HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*\nnode_exporter_build_info",
        ..ROW
    },

    pushgateway: Row {
        package: "prometheus-pushgateway",
        program: "prometheus-pushgateway",
        // Debian's default is one file for all instances: each would begin with the last one's state.
        run: "exec prometheus-pushgateway --persistence.file= --web.listen-address=127.0.0.1:{port}",
        // It answers 405 to HEAD everywhere, and is then asked by GET.
        ready: |it| it.http("http://127.0.0.1:{port}/-/ready"),
        client: Client::Tcp(b"GET /metrics HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*\npushgateway_build_info",
        places: &["prometheus"],
        ..ROW
    },

    aria2: Row {
        package: "aria2",
        program: "aria2c",
        run: "exec aria2c --no-conf --enable-rpc --rpc-listen-port={port} --disable-ipv6",
        // Stops after a second.
        client: Client::Tcp(
            b"POST /jsonrpc HTTP/1.0\r\nContent-Length: 57\r\n\r\n\
              {\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"aria2.getVersion\"}   ",
        ),
        answer: r#"^HTTP/1\.[01] 200 .*"version""#,
        ..ROW
    },

    // Two ports, both chosen by Node. Its inspector answers 400 to HEAD, and the application 200.
    node_with_an_inspector: Row {
        package: "npm",
        program: "node",
        run: NODE,
        ready: |it| it.http("http://127.0.0.1:0/"),
        client: Client::Tcp(b"GET /json/version HTTP/1.0\r\n\r\n"),
        answer: "the application$",
        ..ROW
    },

    node_inspector: Row {
        package: "npm",
        program: "node",
        run: NODE,
        ready: |it| {
            it.http(Http::get("http://127.0.0.1:0/json/version").pattern("Protocol-Version"))
        },
        client: Client::Tcp(b"GET /json/version HTTP/1.0\r\n\r\n"),
        answer: "Protocol-Version",
        ..ROW
    },
}

//! Name servers and a directory.

use super::{Client, ROW, Row, servers};

/// Asks for the IPv4 address of `a.test`.
const QUERY: Client =
    Client::Udp(b"MK\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01");

/// No error, and 127.9.8.7.
const FOUND: &str = r"^MK[\x80-\x87][\x00\x80]\x00\x01\x00\x01.*\x00\x04\x7f\x09\x08\x07";

/// Begins a script: writes the zone that has the address into `zone`.
macro_rules! with_zone {
    ($script:literal) => {
        concat!(
            "cat >zone <<'.'\n",
            "$ORIGIN test.\n$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\n",
            "ns A 127.0.0.1\na A 127.9.8.7\n.\n",
            $script
        )
    };
}

servers! {
    dnsmasq: Row {
        package: "dnsmasq-base",
        program: "dnsmasq",
        run: "exec dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file --port={port} \
              --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts \
              --address=/a.test/127.9.8.7",
        client: QUERY,
        answer: FOUND,
        ..ROW
    },

    unbound: Row {
        package: "unbound",
        program: "unbound",
        run: r#"cat >unbound.conf <<.
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{dir}"
  pidfile: ""
  local-data: "a.test. A 127.9.8.7"
remote-control:
  control-enable: no
.
            exec unbound -d -c {dir}/unbound.conf"#,
        ready: |it| it.notify(),
        client: QUERY,
        answer: FOUND,
        ..ROW
    },

    knotd: Row {
        package: "knot",
        program: "knotd",
        run: with_zone!(r#"cat >knot.conf <<.
server:
  listen: 127.0.0.1@{port}
  rundir: {dir}
database:
  storage: {dir}
zone:
  - domain: test
    file: {dir}/zone
.
            exec knotd -c knot.conf"#),
        ready: |it| it.notify(),
        client: QUERY,
        answer: FOUND,
        places: &["knot"],
        ..ROW
    },

    nsd: Row {
        package: "nsd",
        program: "nsd",
        run: with_zone!(r#"cat >nsd.conf <<.
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  database: ""
  pidfile: ""
  zonesdir: {dir}
  xfrdir: {dir}
  xfrdfile: {dir}/xfrd
  zonelistfile: {dir}/zones
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: zone
.
            exec nsd -d -c nsd.conf"#),
        ready: |it| it.notify(),
        client: QUERY,
        answer: FOUND,
        ..ROW
    },

    pdns: Row {
        package: "pdns-backend-bind",
        program: "pdns_server",
        run: with_zone!(r#"echo 'zone "test" { type master; file "{dir}/zone"; };' >named.conf
            exec pdns_server --config-dir={dir} --socket-dir={dir} --daemon=no --guardian=no \
                --setuid= --setgid= --launch=bind --bind-config={dir}/named.conf \
                --local-address=127.0.0.1 --local-port={port}"#),
        ready: |it| it.notify(),
        client: QUERY,
        answer: FOUND,
        places: &["pdns", "powerdns"],
        ..ROW
    },

    named: Row {
        package: "bind9",
        program: "named",
        run: with_zone!(r#"cat >named.conf <<.
options {
  directory "{dir}";
  listen-on port {port} { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file none;
  session-keyfile none;
  dnssec-validation no;
  recursion no;
};
controls { };
zone "test" { type master; file "{dir}/zone"; };
.
            exec named -g -c named.conf"#),
        // It answers SERVFAIL while it loads zones, which is after its port is open.
        ready: |it| it.notify(),
        client: QUERY,
        answer: FOUND,
        places: &["bind"],
        ..ROW
    },

    slapd: Row {
        package: "slapd",
        program: "slapd",
        run: "cat >slapd.conf <<.
include /etc/ldap/schema/core.schema
database ldif
suffix dc=test
directory {dir}
.
            exec slapd -d 0 -h ldap://127.0.0.1:{port} -f slapd.conf",
        // An anonymous bind.
        client: Client::Tcp(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
        answer: r"^\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00",
        places: &["ldap"],
        ..ROW
    },
}

//! The presets, `mirakuru_rstest::servers`, with the servers that they describe.
//!
//! Each is one row and one test: the first client, right after the start, gets its answer; no other
//! machine can reach the server; it is stopped and started, and killed and started, and has its data
//! where it keeps it; and, as for each server of the table, it stops when it is asked to and leaves
//! nothing behind.

mod listeners;
mod others;

use std::env;
use std::fmt::Debug;
use std::process::Command;

use mirakuru_rstest::{Executor, Process, servers};
use mirakuru_tests::{has, need};

use crate::table::{Client, Round, Traces, repeat};
use crate::tree;

struct Preset {
    /// The packages of Debian, or `npm` or `pip` and the package there.
    packages: &'static str,
    program: &'static str,
    server: fn() -> Executor,
    client: Client,
    /// A pattern for what the first client gets.
    answer: &'static str,
    /// A script that writes to the server, and one that fails unless that is still there.
    data: Option<(&'static str, &'static str)>,
    /// Beginnings of the names of files that it may write outside `{dir}`, beside its program.
    places: &'static [&'static str],
    slow: bool,
}

const PRESET: Preset = Preset {
    packages: "",
    program: "",
    server: servers::redis,
    client: Client::Tcp(b""),
    answer: "",
    data: None,
    places: &[],
    slow: false,
};

/// Makes a test of each preset, and `PRESETS`.
macro_rules! presets {
    ($($(#[$meta:meta])* $name:ident: $preset:expr,)*) => {
        $($(#[$meta])* #[test] fn $name() { $preset.check(stringify!($name)); })*

        const PRESETS: &[Preset] = &[$($preset),*];
    };
}

/// Returns the packages of Debian that the presets need.
pub(crate) fn packages() -> Vec<&'static str> {
    let all = PRESETS.iter().map(|preset| preset.packages);
    all.filter(|it| !it.starts_with("npm ") && !it.starts_with("pip ")).collect()
}

presets! {
    redis: Preset {
        packages: "redis-server",
        program: "redis-server",
        server: servers::redis,
        client: Client::Tcp(b"PING\r\n"),
        answer: r"^\+PONG\r\n$",
        ..PRESET
    },

    postgres: Preset {
        packages: "postgresql",
        program: "postgres",
        server: || {
            let server = servers::postgres();
            server.after_ready("createdb -h 127.0.0.1 -p {port} -U postgres app")
        },
        // The user and the database, and then that it trusts the user.
        client: Client::Tcp(b"\0\0\0\x24\0\x03\0\0user\0postgres\0database\0app\0\0"),
        answer: r"^R\x00\x00\x00\x08\x00\x00\x00\x00",
        data: Some((
            "psql -qh {dir} -p {port} -U postgres -c 'CREATE TABLE items AS SELECT 42 AS number' app",
            "test $(psql -Ath 127.0.0.1 -p {port} -U postgres -c 'SELECT number FROM items' app) = 42",
        )),
        places: &["s.PGSQL", "PostgreSQL"],
        slow: true,
    },

    mariadb: Preset {
        packages: "mariadb-server",
        program: "mariadbd",
        server: servers::mariadb,
        answer: "mysql_native_password",
        data: Some((
            "mariadb -h 127.0.0.1 -P {port} -u root -e 'CREATE DATABASE app; \
             CREATE TABLE app.items AS SELECT 42 AS number'",
            "test $(mariadb -S {dir}/mariadb.sock -u root -BNe 'SELECT number FROM app.items') = 42",
        )),
        places: &["mysql"],
        slow: true,
        ..PRESET
    },

    nginx: Preset {
        packages: "nginx-light",
        program: "nginx",
        server: || {
            let server = servers::nginx().file("{dir}/www/file", "text");
            server.file("{dir}/server.d/a.conf", "location /a { return 404; }")
        },
        client: Client::Tcp(b"GET /file HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.1 200 .*\r\n\r\ntext$",
        ..PRESET
    },

    memcached: Preset {
        packages: "memcached",
        program: "memcached",
        server: servers::memcached,
        client: Client::Tcp(b"version\r\n"),
        answer: r"^VERSION \d",
        slow: true,
        ..PRESET
    },

    nats: Preset {
        packages: "nats-server",
        program: "nats-server",
        server: servers::nats,
        client: Client::Tcp(b"CONNECT {\"verbose\":false}\r\nPING\r\n"),
        answer: "^INFO .*\r\nPONG\r\n$",
        places: &["nats"],
        ..PRESET
    },

    mosquitto: Preset {
        packages: "mosquitto",
        program: "mosquitto",
        server: servers::mosquitto,
        // CONNECT and CONNACK.
        client: Client::Tcp(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02mk"),
        answer: r"^\x20\x02\x00\x00$",
        ..PRESET
    },

    etcd: Preset {
        packages: "etcd-server",
        program: "etcd",
        server: servers::etcd,
        client: Client::Tcp(
            b"POST /v3/kv/put HTTP/1.0\r\nContent-Length: 29\r\n\r\n\
              {\"key\":\"Zm9v\",\"value\":\"YmFy\"}",
        ),
        answer: r#"^HTTP/1\.[01] 200 .*"revision":""#,
        data: Some((
            "curl -sSd '{\"key\":\"YQ==\",\"value\":\"YmFy\"}' http://127.0.0.1:{port}/v3/kv/put",
            "curl -sSd '{\"key\":\"YQ==\"}' http://127.0.0.1:{port}/v3/kv/range | grep YmFy",
        )),
        ..PRESET
    },

    prometheus: Preset {
        packages: "prometheus",
        program: "prometheus",
        server: servers::prometheus,
        client: Client::Tcp(b"GET /api/v1/query?query=1 HTTP/1.0\r\n\r\n"),
        answer: r#"^HTTP/1\.0 200 .*"status":"success""#,
        ..PRESET
    },

    haproxy: Preset {
        packages: "haproxy",
        program: "haproxy",
        server: servers::haproxy,
        client: Client::Tcp(b"GET / HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 .*haproxy$",
        ..PRESET
    },

    zookeeper: Preset {
        packages: "zookeeper",
        program: "zkServer.sh",
        server: servers::zookeeper,
        // A session, and whether the server accepts it.
        client: Client::Tcp(
            b"\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\
              \0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
        answer: r"^\x00\x00\x00[\x24\x25]\x00\x00\x00\x00\x00\x00\x75\x30",
        data: Some((
            "zkCli.sh -server 127.0.0.1:{port} create /item 42 2>&1",
            "zkCli.sh -server 127.0.0.1:{port} get /item 2>/dev/null | grep -x 42",
        )),
        places: &["zookeeper"],
        slow: true,
    },

    openssh: Preset {
        packages: "openssh-server",
        program: "sshd",
        server: servers::openssh,
        client: Client::Tcp(b"SSH-2.0-mk\r\n"),
        answer: "^SSH-2.0-OpenSSH.*ssh-ed25519",
        data: Some((SSH, SSH)),
        slow: true,
        ..PRESET
    },

    slapd: Preset {
        packages: "slapd",
        program: "slapd",
        server: servers::slapd,
        // An anonymous bind.
        client: Client::Tcp(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
        answer: r"^\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00",
        data: Some((
            "printf 'dn: ou=a,dc=test\\nobjectClass: organizationalUnit\\nou: a\\n' |
                ldapadd -xH ldap://127.0.0.1:{port} -D cn=admin,dc=test -w admin",
            "ldapsearch -LLLxH ldap://127.0.0.1:{port} -b ou=a,dc=test dn | grep ou=a",
        )),
        places: &["ldap"],
        ..PRESET
    },

    smtp: Preset {
        packages: "python3-aiosmtpd",
        program: "aiosmtpd",
        server: servers::smtp,
        client: Client::Tcp(
            b"HELO a\r\nMAIL FROM:<a@test>\r\nRCPT TO:<b@test>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n",
        ),
        answer: r"^220 .*\r\n250 OK\r\n221 ",
        data: Some(("true", "grep hello {dir}/mail/new/*")),
        slow: true,
        ..PRESET
    },

    static_files: Preset {
        packages: "python3",
        program: "python3",
        server: || servers::static_files().file("{dir}/file", "text"),
        client: Client::Tcp(b"GET /file HTTP/1.0\r\n\r\n"),
        answer: r"^HTTP/1\.0 200 .*\r\n\r\ntext$",
        ..PRESET
    },

    moto: Preset {
        packages: "pip moto[server]",
        program: "moto_server",
        server: servers::moto,
        client: Client::Tcp(b"PUT /bucket HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 200 ",
        places: &["moto"],
        slow: true,
        ..PRESET
    },

    azurite: Preset {
        packages: "npm azurite@3.35.0",
        program: "azurite",
        server: servers::azurite,
        client: Client::Tcp(b"GET /devstoreaccount1?comp=list HTTP/1.0\r\nHost: localhost\r\n\r\n"),
        answer: r"^HTTP/1\.[01] 403 .*AuthorizationFailure",
        slow: true,
        ..PRESET
    },

    rabbitmq: Preset {
        packages: "rabbitmq-server",
        program: "rabbitmq-server",
        server: || {
            let server = servers::rabbitmq().file("{dir}/conf.d/a.conf", "default_vhost = app");
            server.after_ready(["sh", "-c", "rabbitmqctl -q list_vhosts | grep -x app"])
        },
        client: Client::Tcp(b"AMQP\0\0\x09\x01"),
        answer: "^\x01\0\0.*RabbitMQ",
        places: &["rabbitmq"],
        slow: true,
        ..PRESET
    },
}

/// A login, with the keys that the preset makes.
const SSH: &str = "test $(ssh -F none -i {dir}/client_key -o UserKnownHostsFile={dir}/known_hosts \
                   -p {port} 127.0.0.1 echo 42) = 42";

impl Preset {
    #[track_caller]
    fn check(&self, name: &str) {
        if self.is_installed() {
            repeat(name, self.slow, || {
                let (client, answer) = (&self.client, self.answer);
                let names = [&[self.program], self.places].concat();
                let round = Round { executor: (self.server)(), client, answer, names };
                round.run(|process, traces| self.use_it(process, traces))
            });
        }
    }

    fn is_installed(&self) -> bool {
        // CI installs the packages of Debian.
        if self.packages.starts_with("npm ") || self.packages.starts_with("pip ") {
            has(self.program)
        } else {
            need(self.program).is_some()
        }
    }

    fn use_it(&self, process: &mut Process, traces: &mut Vec<Traces>) -> Result<(), String> {
        let reachable = listeners::reachable(&tree(process));
        if !reachable.is_empty() {
            return Err(format!("others can reach it at {reachable:?}"));
        }
        let (write, read) = self.data.unwrap_or(("true", "true"));
        self.run(process, write)?;
        process.stopped(|| ()).map_err(at("stopped"))?;
        self.run(process, read)?;
        traces.push(Traces::of(process, &tree(process)));
        process.kill().map_err(at("kill"))?;
        process.restart().map_err(at("restart"))?;
        self.client.ask(process, self.answer).map_err(at("after a restart"))?;
        self.run(process, read)
    }

    /// Runs the script of a client.
    fn run(&self, process: &Process, script: &str) -> Result<(), String> {
        let script = process.render(script).map_err(at("script"))?;
        let path = env::var("PATH").unwrap_or_default();
        let directories = need(self.program).expect("it is installed");
        let directory = directories.parent().expect("it has a directory").display();
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("PATH", format!("{path}:{directory}"));
        let output = command.current_dir("/").output().map_err(at("script"))?;
        let is_right = output.status.success();
        is_right.then_some(()).ok_or_else(|| format!("`{script}` failed: {output:?}"))
    }
}

fn at<E: Debug>(step: &str) -> impl Fn(E) -> String {
    move |error| format!("{step}: {error:?}")
}

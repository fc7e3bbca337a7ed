//! Stacks of real servers.

use std::io::{Read, Write};
use std::net::TcpStream;

use mirakuru_core::{Executor, Http, Process, Signal, Stack, servers};
use mirakuru_tests::starting::LONG;
use mirakuru_tests::{eventually, http_get, need};

/// A node of a cluster of three, each of which is ready when there is a leader.
fn node(name: &str) -> Executor {
    let peers = ["one", "two", "three"]
        .map(|node| format!("{node}=http://127.0.0.1:{{{node}.port:peer}}"))
        .join(",");
    // The three share the processors with other tests, so elections take longer than in the preset.
    let args = ["--name", name, "--initial-cluster", &peers, "--election-timeout", "200"];
    // Asked to stop, the last one waits for seconds for another leader.
    servers::etcd().args(args).stop_signal(Signal::KILL)
}

fn post(process: &Process, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(process.addr()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns true for the node that leads the cluster.
fn is_leader(node: &Process) -> bool {
    let status = post(node, "/v3/maintenance/status", "{}");
    let field = |name: &str| {
        let (_, rest) = status.split_once(&format!("\"{name}\":\"")).unwrap_or_default();
        rest.split('"').next().map(str::to_owned)
    };
    field("leader") == field("member_id")
}

#[test]
fn three_nodes_of_a_cluster_start_together_and_one_of_them_may_stop() {
    if need("etcd").is_none() {
        return;
    }
    let stack = ["one", "two", "three"].map(|name| (name, node(name)));
    let stack = stack.into_iter().fold(Stack::new(), |stack, (name, node)| stack.add(name, node));
    let mut stack = stack.start().unwrap();
    let members = post(&stack["one"], "/v3/cluster/member/list", "{}");
    for process in stack.processes() {
        let expected = format!("http://127.0.0.1:{}", process.port_named("peer"));
        assert!(members.contains(&expected), "{members}");
    }
    // Without its leader, the cluster would elect another one first, which takes seconds.
    let follower = stack.processes().find(|process| !is_leader(process)).unwrap();
    let follower = follower.name().to_owned();
    stack[follower.as_str()].stop().unwrap();
    // In base64: `key` and `value`.
    let other = stack.processes().find(|process| process.is_running()).unwrap();
    post(other, "/v3/kv/put", r#"{"key":"a2V5","value":"dmFsdWU="}"#);
    stack[follower.as_str()].restart().unwrap();
    for process in stack.processes() {
        let get = || post(process, "/v3/kv/range", r#"{"key":"a2V5"}"#);
        eventually(LONG, || get().contains("dmFsdWU="));
    }
    stack.stop().unwrap();
}

#[test]
fn an_application_has_redis_and_postgresql_and_nginx_in_front() {
    if ["redis-server", "postgres", "nginx", "psql"].iter().any(|it| need(it).is_none()) {
        return;
    }
    let page = "echo \"$(redis-cli -u $REDIS_URL get name) $(psql -qAt $DATABASE_URL -c 'select name from names')\"";
    let app = Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}")
        .env("DATABASE_URL", "postgresql://postgres@{postgres.addr}/app")
        .env("REDIS_URL", "redis://{redis.addr}/")
        .before_start(["sh", "-c", &format!("{page} > {{dir}}/index.html")])
        .http(Http::get("http://127.0.0.1:{port}/"));
    let postgres = servers::postgres()
        .file("{dir}/schema.sql", "CREATE TABLE names AS SELECT 'Karlsson' AS name")
        .after_ready("createdb app")
        .after_ready("psql -q -f {dir}/schema.sql app");
    let redis = servers::redis().after_ready("redis-cli -p {port} set name Nils");
    let web =
        servers::nginx().file("{dir}/server.d/app.conf", "location / { proxy_pass {app.url}; }");
    let stack =
        Stack::new().add("web", web).add("app", app).add("redis", redis).add("postgres", postgres);
    let mut stack = stack.start().unwrap();
    let url = stack["web"].render("http://127.0.0.1:{port}/").unwrap();
    assert_eq!(http_get(&url), (200, "Nils Karlsson\n".to_owned()));
    stack.stop().unwrap();
    stack.processes().for_each(|process| process.leak_check().unwrap());
}

#[test]
fn a_member_may_be_a_server_that_runs_already() {
    let running = Executor::new("python3 -m http.server {port} --bind 127.0.0.1");
    let running = running.tcp("127.0.0.1:{port}").start().unwrap();
    let web = Executor::new("no-such-program {port}").tcp("127.0.0.1:{port}");
    let user = Executor::shell("echo uses {web.addr}; sleep 300").output("uses");
    let stack = Stack::new().add("web", web.external(running.addr().to_string())).add("user", user);
    let mut stack = stack.start().unwrap();
    let expected = format!("uses {}\n", running.addr());
    assert_eq!(stack["user"].log().read().unwrap(), expected);
    stack.stop().unwrap();
    assert!(running.is_running());
}

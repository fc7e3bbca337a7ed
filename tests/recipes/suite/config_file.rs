use std::process::Command;

use mirakuru_rstest::{Process, with_process};

#[with_process(
    cmd = "redis-server {dir}/redis.conf",
    file(path = "{dir}/redis.conf", text = "port {port}\nsave ''\nmaxmemory 64mb\n"),
    tcp = "127.0.0.1:{port}"
)]
#[test]
fn has_its_configuration(server: &Process) {
    let port = server.port().to_string();
    let query = ["-p", &port, "config", "get", "maxmemory"];
    let client = Command::new("redis-cli").args(query).output();
    assert!(String::from_utf8(client.unwrap().stdout).unwrap().contains("67108864"));
}

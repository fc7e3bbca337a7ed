use mirakuru_rstest::{Process, servers, with_process};

#[with_process(servers::redis().arg("--save"))]
fn by_path(server: &Process) {
    server.port();
}

#[with_process(redis().arg("--save"))]
fn by_name(server: &Process) {
    server.port();
}

fn main() {}

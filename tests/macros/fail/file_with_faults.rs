use mirakuru_rstest::{Process, with_process};

#[with_process(
    cmd = "server",
    file(path = "/etc/a.conf", text = 1),
    file(path = "{dir}/a.conf"),
    file(path = "{dir}/a.conf", text = "{prot}"),
    template = "initdb --port {port} {dir}",
    template = ["initdb", "{udp:a}"],
    before_start = "",
    before_start = ["cp", "{number}"],
    after_ready = ["cp", "{prot}"],
    user = ""
)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}

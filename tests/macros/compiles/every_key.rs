//! Every key of the attribute, with a literal and with an expression.

use std::time::Duration;

use mirakuru_rstest::{
    Executor, Owner, Process, Scope, Shared, Signal, Stdin, Stream, with_process,
};
use rstest::fixture;

static REDIS: Shared = Shared::new(|| Executor::new("redis-server --port {port}"));
const SERVER: &str = "server";

fn described() -> Executor {
    Executor::new("other-server")
}

#[with_process(
    bin = "server",
    args = ["--port", SERVER, format!("{{port}}")],
    http = "http://127.0.0.1:{port}/",
    status = 200..=299,
    method = "POST",
    header("Accept", "text/plain"),
    header("X-Name", SERVER),
    form(user = "a", "n-visits" = 1),
    pattern = "^up$",
    tcp = "localhost:{port:admin}",
    udp = "localhost:{udp:names}",
    reply(addr = "localhost:{port:admin}", send = b"\x01PING", pattern = "^PONG"),
    reply(addr = "{dir}/server.sock", pattern = SERVER),
    unix_socket = "{dir}/server.sock",
    pid_file = "{dir}/server.pid",
    ready_command = "test -e {dir}/{answer}",
    notify,
    ready_fd = 5,
    fail_on = "^FATAL",
    fail_on = SERVER,
    listen = "127.0.0.1:{port:handed}",
    listen = "[::1]:{udp:dns}",
    connect = true,
    owner = "any",
    output = "ready (to|for) (?<answer>.*)",
    on = stderr,
    times = 2,
    stdin = b"hello",
    env(HOME = "{dir}", "A-B" = SERVER),
    env(C = "${HOME} {{port}} {}"),
    env_remove(PATH, "D-E"),
    env_clear,
    needs(redis = REDIS, other = described),
    cwd = "{dir}",
    external = "[::1]:80",
    timeout = "1m30s",
    stop_timeout = "1.5s",
    stop_signal = INT,
    kill_signal = "SIGQUIT",
    expect_exit = [0, -15],
    name = "my-server",
    scope = "session",
    crate = ::mirakuru_rstest
)]
#[fixture]
fn literals(server: &Process) -> u16 {
    server.port()
}

#[with_process(
    cmd = [SERVER, "--port", "{port}"],
    args = vec![SERVER],
    http = format!("http://{SERVER}/"),
    status = 200,
    body = b"ping",
    output = SERVER,
    ready_command = [SERVER, "--check", "{perhaps}"],
    on = Stream::Stdout,
    connect = SERVER.is_empty(),
    owner = Owner::Tree,
    tcp = SERVER,
    stdin = Stdin::Piped,
    external = SERVER,
    timeout = Duration::from_secs(1),
    stop_signal = Signal::new(3),
    scope = Scope::Binary
)]
#[fixture]
fn expressions(mut server: Process) -> u16 {
    server.stop().expect("it stops");
    0
}

#[with_process(REDIS)]
#[with_process(
    shell = "exec server",
    http = "http://unix:{dir}/s:/up",
    status = "2..",
    name = "web"
)]
#[fixture]
pub fn stacked<T>(_web: &mut Process, n: u8, redis: &Process) -> Result<u16, T>
where
    T: From<u8>,
{
    (n > 0).then(|| redis.port()).ok_or(T::from(n))
}

#[fixture]
fn n() -> u8 {
    1
}

//! Stops in an async runtime, whose tasks have connections to the process.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mirakuru_rstest::{Process, Signal, with_process};
use mirakuru_tests::starting::SOON;
use mirakuru_tests::test_process::{playing, printed, role};

/// Ends on SIGTERM when its clients have hung up, as many web servers do.
const POLITE: &str = "import signal, socket, sys, threading
clients, ends = [], []
signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
server.settimeout(0.01)
def serve(client):
    while client.recv(9): pass
while not ends:
    try: client = server.accept()[0]
    except TimeoutError: continue
    client.settimeout(None)
    clients.append(threading.Thread(target=serve, args=(client,)))
    clients[-1].start()
for client in clients: client.join()
print('good-bye')";

/// A task with a connection, which it closes when this is dropped.
struct Client(Arc<AtomicBool>);

impl Client {
    fn of(server: &Process) -> Self {
        let stream = TcpStream::connect(server.addr()).unwrap();
        let hangs_up = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&hangs_up);
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            drop(stream);
        });
        Self(hangs_up)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[with_process(cmd = "python3 -uc", args = [POLITE, "{port}"], tcp = "127.0.0.1:{port}", connect = true)]
#[tokio::test]
async fn an_awaited_stop_lets_the_tasks_of_the_runtime_hang_up(mut server: Process) {
    drop(Client::of(&server));
    let began = Instant::now();
    let exit = server.stop_async().await.unwrap();
    assert!(exit.success() && began.elapsed() < SOON, "{exit} after {:?}", began.elapsed());
    assert_eq!(server.log().read().unwrap(), "good-bye\n");

    server.restart_async().await.unwrap();
    drop(Client::of(&server));
    server.restart_async().await.unwrap();
    assert_eq!(server.log().read().unwrap(), "good-bye\ngood-bye\n");
    assert_eq!(server.kill_async().await.unwrap().signal(), Some(Signal::KILL));
    assert!(!server.is_running() && server.stop_async().await.is_ok());
}

#[with_process(cmd = "python3 -uc", args = [POLITE, "{port}"], tcp = "127.0.0.1:{port}", stop_timeout = "10s")]
#[tokio::test]
async fn plays_a_test_that_leaves_its_client_to_the_runtime(server: Process) {
    if role().is_some() {
        std::mem::forget(Client::of(&server));
        println!("\nlog {}", server.log().path().display());
    }
}

#[test]
fn the_attribute_stops_the_process_of_an_async_test_after_its_runtime() {
    let test = "stop_async::plays_a_test_that_leaves_its_client_to_the_runtime";
    let began = Instant::now();
    let printed = printed(&playing(test, "has a client").output().unwrap());
    assert!(began.elapsed() < SOON * 2 - Duration::from_secs(1), "{printed}");
    assert!(!printed.contains("was killed"), "{printed}");
    let log = printed.lines().find_map(|line| line.strip_prefix("log ")).expect(&printed);
    assert_eq!(std::fs::read_to_string(log).unwrap(), "good-bye\n");
}

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use rstest::rstest;
use tokio::net::TcpStream;

#[process_fixture]
fn store() -> Executor {
    servers::redis()
}

/// A `&Process` is borrowed for the test; its address is a value.
#[with_process(store)]
#[tokio::test]
async fn connects_in_a_task(store: &Process) {
    let addr = store.addr();
    let client = tokio::spawn(async move { TcpStream::connect(addr).await });
    assert!(client.await.unwrap().is_ok());
}

/// A `Lease` belongs to the test, which may give it away.
#[rstest]
#[tokio::test]
async fn moves_its_lease_into_a_task(store: Lease) {
    let client = tokio::spawn(async move { TcpStream::connect(store.addr()).await });
    assert!(client.await.unwrap().is_ok());
}

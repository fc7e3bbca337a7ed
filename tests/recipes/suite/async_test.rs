use mirakuru_rstest::{Process, servers, with_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[with_process(servers::redis)]
#[tokio::test]
async fn answers(server: &Process) -> std::io::Result<()> {
    let mut client = TcpStream::connect(server.addr()).await?;
    client.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"+PONG\r\n");
    Ok(())
}

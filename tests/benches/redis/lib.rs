//! What the tests have in common.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Says hello to Redis.
///
/// # Panics
///
/// If it does not answer.
pub fn ping(mut client: TcpStream) {
    client.write_all(b"PING\r\n").expect("the server reads");
    let mut answer = [0; 7];
    client.read_exact(&mut answer).expect("the server answers");
    assert_eq!(&answer, b"+PONG\r\n");
}

//! The first client of a server: it asks once, and reads until the answer is there.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use mirakuru_rstest::Process;
use regex_lite::{Regex, RegexBuilder};

use crate::LIMIT;

/// What a client sends, and where.
pub(crate) enum Client {
    /// To `{port}`.
    Tcp(&'static [u8]),
    /// One datagram to `{port}`.
    Udp(&'static [u8]),
    /// To the socket of this name in `{dir}`.
    Unix(&'static str, &'static [u8]),
}

impl Client {
    /// Asks the server once. Returns what came instead if that does not match the pattern.
    pub(crate) fn ask(&self, process: &Process, pattern: &str) -> Result<(), String> {
        let pattern = RegexBuilder::new(pattern).dot_matches_new_line(true).build();
        let pattern = pattern.expect("a valid pattern");
        let mut answer = String::new();
        let asked = match self {
            Self::Tcp(bytes) => {
                TcpStream::connect((Ipv4Addr::LOCALHOST, process.port())).and_then(|stream| {
                    stream.set_read_timeout(Some(LIMIT))?;
                    talk(stream, bytes, &pattern, &mut answer)
                })
            }
            Self::Unix(name, bytes) => {
                UnixStream::connect(process.dir().join(name)).and_then(|stream| {
                    stream.set_read_timeout(Some(LIMIT))?;
                    talk(stream, bytes, &pattern, &mut answer)
                })
            }
            Self::Udp(bytes) => datagram(process.port(), bytes, &mut answer),
        };
        match asked {
            Err(error) => Err(format!("{error} after {answer:?}")),
            Ok(()) if !pattern.is_match(&answer) => Err(format!("it answered {answer:?}")),
            Ok(()) => Ok(()),
        }
    }
}

/// Sends the bytes and reads until the answer matches, or to the end of the stream.
fn talk(
    mut stream: impl Read + Write,
    bytes: &[u8],
    pattern: &Regex,
    answer: &mut String,
) -> io::Result<()> {
    stream.write_all(bytes)?;
    let mut buffer = [0; 4096];
    while !pattern.is_match(answer) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        answer.extend(buffer[..count].iter().map(|byte| char::from(*byte)));
    }
    Ok(())
}

/// Sends one datagram, and reads one. The socket is connected, so that a refusal is an error.
fn datagram(port: u16, bytes: &[u8], answer: &mut String) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.connect((Ipv4Addr::LOCALHOST, port))?;
    socket.send(bytes)?;
    let mut buffer = [0; 4096];
    let count = socket.recv(&mut buffer)?;
    answer.extend(buffer[..count].iter().map(|byte| char::from(*byte)));
    Ok(())
}

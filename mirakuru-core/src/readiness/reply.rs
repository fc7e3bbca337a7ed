//! A reply of the process that matches a pattern, over TCP, UDP or a Unix socket.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Conflict, Explanation, Poll, Requirements, StartContext,
};
use super::http::excerpt;
use super::identity::Identity;
use super::reply_pattern::ReplyPattern;
use super::requests::{Destination, Outcome, Requests};
use super::settle::Certainty;
use super::tcp::{TcpPort, udp_socket_to};
use super::udp::Udp;
use super::unix_socket::UnixSocket;
use crate::error::{Error, Result};
use crate::syntax::address::{Port, Target};
use crate::sys;

/// The number of bytes of a reply that are read.
const REPLY_MAX: usize = 64 * 1024; // 64 KiB

/// What is sent to where, and what has to come back.
#[derive(Debug)]
pub(crate) struct ReplySpec {
    /// With placeholders.
    address: String,
    send: Vec<u8>,
    pattern: String,
}

impl ReplySpec {
    pub(crate) fn new(address: String, send: Vec<u8>, pattern: String) -> Self {
        Self { address, send, pattern }
    }
}

impl ConditionSpec for ReplySpec {
    fn key(&self) -> &'static str {
        "reply"
    }

    fn templates(&self) -> Vec<&str> {
        vec![&self.address]
    }

    fn captures(&self) -> Vec<String> {
        let target = Target::parse(&self.address).ok();
        let is_any = |target: &Target| matches!(target, Target::Tcp(it) if it.port == Port::Any);
        target.filter(is_any).map(|_| "port".to_owned()).into_iter().collect()
    }

    fn requirements(&self) -> Requirements {
        let asks_by_network = !matches!(Target::parse(&self.address), Ok(Target::Unix(_)));
        Requirements { asks_by_network, ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add((&self.address, &self.send, &self.pattern));
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let template = Target::with_scheme(&self.address).map_err(Error::invalid)?;
        let address = context.values.render(&template)?;
        let target = Target::parse(&address).map_err(Error::invalid)?;
        let (address, target) = located(address, target, context);
        let (place, destination) = place(&target, context)?;
        let question = Question {
            address,
            place,
            send: self.send.clone(),
            pattern: ReplyPattern::new(&self.pattern)?,
        };
        Ok(Box::new(Reply { question, requests: Requests::new(destination, None) }))
    }
}

/// Returns where the server is looked for, in words and as a target.
fn located(text: String, target: Target, context: &StartContext<'_>) -> (String, Target) {
    let Some(external) = &context.external else { return (text, target) };
    let target = match target {
        Target::Tcp(_) => Target::Tcp(external.clone()),
        Target::Udp(_) => Target::Udp(external.clone()),
        Target::Unix(path) => return (text, Target::Unix(path)),
    };
    (external.to_string(), target)
}

/// Returns where the bytes are sent, and what has to be there first.
fn place(target: &Target, context: &StartContext<'_>) -> Result<(Place, Destination)> {
    Ok(match target {
        Target::Tcp(address) => {
            (Place::Tcp, Destination::Tcp(TcpPort::for_requests(address, context)?))
        }
        Target::Udp(address) => {
            (Place::Udp, Destination::Other(Box::new(Udp::at(address, context)?)))
        }
        Target::Unix(path) => {
            let socket = UnixSocket::at(Path::new(path), context, Certainty::Owned)?;
            (Place::Unix(socket.path().to_owned()), Destination::Other(Box::new(socket)))
        }
    })
}

/// Where the bytes are sent. The address of a port is found at each attempt.
enum Place {
    Tcp,
    Udp,
    Unix(PathBuf),
}

struct Reply {
    question: Question,
    requests: Requests<()>,
}

/// What is sent, and what has to come back.
struct Question {
    address: String,
    place: Place,
    send: Vec<u8>,
    pattern: ReplyPattern,
}

impl Question {
    /// Sends the bytes once.
    fn ask(&self, at: Option<SocketAddr>, limit: Duration) -> Outcome {
        let until = Instant::now() + limit;
        let exchange = self.connect(at, limit).and_then(|socket| {
            socket.set_write_timeout(Some(left(until)))?;
            sys::send_all(&socket, &self.send, &[])?;
            Received::read(&socket, until, |bytes| self.pattern.is_match(bytes))
        });
        let seen = match exchange {
            Ok(received) if received.is_wanted => return Outcome::Wanted,
            Ok(received) => received.describe(limit),
            Err(error) => reason(&error),
        };
        match Instant::now() < until {
            true => Outcome::Other(seen),
            false => Outcome::TimedOut(seen),
        }
    }

    /// Returns a connected socket. The type of std for Unix sockets serves for those of any type.
    fn connect(&self, at: Option<SocketAddr>, limit: Duration) -> io::Result<UnixStream> {
        let at = || at.ok_or(io::ErrorKind::AddrNotAvailable);
        let socket = match &self.place {
            Place::Tcp => OwnedFd::from(TcpStream::connect_timeout(&at()?, limit)?),
            Place::Udp => OwnedFd::from(udp_socket_to(at()?)?),
            Place::Unix(path) => OwnedFd::from(sys::connect_any_unix(path)?),
        };
        let socket = UnixStream::from(socket);
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

/// Returns the time that is left. A limit of zero would mean none.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// What has come back.
#[derive(Default)]
struct Received {
    /// All bytes of a stream, or the last message.
    bytes: Vec<u8>,
    is_wanted: bool,
    is_closed: bool,
}

impl Received {
    /// Reads until the wanted reply has come, the other end is closed, or the time is over.
    fn read(
        mut socket: &UnixStream,
        until: Instant,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Self> {
        let is_stream = sys::is_stream(socket);
        let (mut received, mut buffer) = (Self::default(), vec![0; REPLY_MAX]);
        while received.bytes.len() < REPLY_MAX && Instant::now() < until {
            socket.set_read_timeout(Some(left(until)))?;
            let length = match socket.read(&mut buffer) {
                Ok(0) if is_stream => {
                    received.is_closed = true;
                    break;
                }
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if received.bytes.is_empty() => return Err(error),
                Err(_) => break,
            };
            if !is_stream {
                received.bytes.clear();
            }
            received.bytes.extend(&buffer[..length]);
            received.is_wanted = is_wanted(&received.bytes);
            if received.is_wanted {
                break;
            }
        }
        Ok(received)
    }

    fn describe(&self, limit: Duration) -> String {
        match (excerpt(&self.bytes), self.is_closed) {
            (text, true) if text.is_empty() => "closed the connection without a reply".to_owned(),
            (text, false) if text.is_empty() => format!("no reply within {limit:?}"),
            (text, _) => format!("the reply was `{text}`"),
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "a process listens but does not accept".to_owned()
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "closed the connection without a reply".to_owned()
        }
        _ => error.to_string(),
    }
}

impl Condition for Reply {
    fn describe(&self) -> String {
        format!("a reply of {} that matches `{}`", self.question.address, self.question.pattern)
    }

    fn precheck(&mut self) -> Option<Conflict> {
        self.requests.destination.precheck()
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let Self { question, requests } = self;
        requests.poll(attempt, |at, (), limit| question.ask(at, limit))
    }

    fn explain(&self) -> Explanation {
        if self.requests.candidates.is_empty() {
            return self.requests.destination.explain();
        }
        let help = "it was reached, but did not reply as wanted: is the pattern what it sends to a \
                    client that sends these bytes, each line to its end?";
        Explanation { seen: None, help: Some(help.to_owned()) }
    }

    fn hint(&self) -> Option<String> {
        self.requests.destination.hint()
    }
}

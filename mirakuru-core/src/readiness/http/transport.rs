//! Sends a request to an address that accepted before, or to a Unix socket.
//!
//! This is the only file that knows ureq's traits for connections, which it may change in a minor
//! version.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, LazyBuffers, NextTimeout,
};

use crate::sys;

#[derive(Clone, Debug)]
pub(super) enum Transport {
    Tcp {
        https: bool,
        /// The address that accepted, once one has.
        at: Option<SocketAddr>,
    },
    Unix(PathBuf),
}

impl Transport {
    pub(super) fn scheme(&self) -> &'static str {
        if matches!(self, Self::Tcp { https: true, .. }) { "https" } else { "http" }
    }

    /// Returns an agent that connects there, whatever host the URL of a request names.
    pub(super) fn agent(&self, config: Config) -> Agent {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match self {
            Self::Tcp { at, .. } => {
                let resolver = Known(at.unwrap_or(nowhere));
                Agent::with_parts(config, DefaultConnector::default(), resolver)
            }
            Self::Unix(path) => {
                Agent::with_parts(config, UnixConnector(path.clone()), Known(nowhere))
            }
        }
    }
}

/// Resolves every name to one address. The server still sees the name, by which it may choose a
/// certificate.
#[derive(Debug)]
struct Known(SocketAddr);

impl Resolver for Known {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

#[derive(Debug)]
struct UnixConnector(PathBuf);

impl Connector for UnixConnector {
    type Out = UnixTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<UnixTransport>, ureq::Error> {
        let stream = sys::connect_unix(&self.0)?;
        // The connection was made in nonblocking mode; reads and writes have timeouts.
        stream.set_nonblocking(false)?;
        let (input, output) =
            (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers: LazyBuffers::new(input, output) }))
    }
}

#[derive(Debug)]
struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl ureq::unversioned::transport::Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let stream = &mut self.stream;
        let mut rest = &self.buffers.output()[..amount];
        let deadline = sys::deadline_after(*timeout.after);
        while !rest.is_empty() {
            let written = within(deadline, timeout, |left| {
                stream.set_write_timeout(Some(left))?;
                stream.write(rest)
            });
            match written {
                // A server may answer and close before it has read everything; the answer can still be
                // read.
                Err(ureq::Error::Io(error)) if has_hung_up(&error) => break,
                written => rest = &rest[written?..],
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let stream = &mut self.stream;
        let room = self.buffers.input_append_buf();
        let amount = within(sys::deadline_after(*timeout.after), timeout, |left| {
            stream.set_read_timeout(Some(left))?;
            stream.read(room)
        })?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Returns false: no connection is used twice.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// Returns true if the other end is closed. If it had not read everything, the first to learn that gets
/// another error.
fn has_hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Reads or writes once, within what is left of the time, and again after a signal.
fn within(
    deadline: Instant,
    timeout: NextTimeout,
    mut act: impl FnMut(Duration) -> io::Result<usize>,
) -> Result<usize, ureq::Error> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        match act(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(ureq::Error::Timeout(timeout.reason));
            }
            result => return Ok(result?),
        }
    }
}

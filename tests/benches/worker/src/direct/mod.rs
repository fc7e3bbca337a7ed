//! What the machine allows: servers that are started without a process between, and waited for in the best ways.

mod listen_call;
mod scratch_events;
mod sock_diag;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;

use crate::server::scratch;
use crate::{Condition, Outcome, Peer, Server, processes};
use listen_call::ListenCall;
use scratch_events::ScratchEvents;
use sock_diag::SockDiag;

/// The time between two looks at a port.
const STEP: Duration = Duration::from_micros(200);

/// The time between two looks at a port whose server is about to listen.
const SHORT_STEP: Duration = Duration::from_micros(20);

/// Starts servers directly.
pub struct Direct {
    /// The kernel announces that a server calls `listen`. Otherwise, its port is looked at in steps.
    pub is_woken: bool,
    events: ScratchEvents,
}

impl Direct {
    pub fn new(is_woken: bool) -> Outcome<Self> {
        Ok(Self { is_woken, events: ScratchEvents::new()? })
    }
}

/// A server that was started directly.
pub struct Running {
    child: Child,
    pidfd: OwnedFd,
    files: Vec<PathBuf>,
}

impl Peer for Direct {
    type Running = Running;

    fn start(&self, server: &Server) -> Outcome<Running> {
        let target = server.target()?;
        let has_port = matches!(server.condition, Condition::Tcp | Condition::Http);
        let log = scratch().with_extension("log");
        let mut command = command(&server.command(&target), server.condition, &log)?;
        let call = (self.is_woken && has_port).then(|| ListenCall::of(&mut command)).transpose()?;
        let child = command.spawn()?;
        let pidfd = pidfd(&child)?;
        let mut running = Running { child, pidfd, files: vec![log] };
        match server.condition {
            Condition::Tcp | Condition::Http => {
                let step = if call.is_some() { SHORT_STEP } else { STEP };
                call.map_or(Ok(()), |call| call.wait(&running))?;
                let address = ([127, 0, 0, 1], target.parse()?).into();
                let stream = running.connect(address, step)?;
                if server.condition == Condition::Http {
                    expect_ok(stream)?;
                }
            }
            Condition::Unix | Condition::PidFile => {
                let path = PathBuf::from(target);
                self.events.wait_for(&path, &running)?;
                while server.condition == Condition::Unix && UnixStream::connect(&path).is_err() {
                    running.pause(STEP)?;
                }
                running.files.push(path);
            }
            Condition::Banner => running.read_until("ready")?,
        }
        Ok(running)
    }

    fn stop(&self, mut running: Running) -> Outcome {
        let pid = running.child.id() as i32;
        let left = if self.is_woken { Vec::new() } else { processes::descendants(pid) };
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        wait_readable(&[running.pidfd.as_fd()], Duration::from_secs(10))?;
        running.child.wait()?;
        for pid in left {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // It may have ended by itself.
        }
        running.files.iter().try_for_each(fs::remove_file)?;
        Ok(())
    }
}

impl Running {
    /// Looks at the port until a socket listens, and connects.
    fn connect(&self, address: SocketAddr, step: Duration) -> Outcome<TcpStream> {
        let sockets = SockDiag::open()?;
        while !sockets.has_listener(address)? {
            self.pause(step)?;
        }
        Ok(TcpStream::connect(address)?)
    }

    fn read_until(&mut self, text: &str) -> Outcome {
        let output = self.child.stdout.as_mut().ok_or("the output is read already")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let found = lines.any(|line| line.contains(text));
        found.then_some(()).ok_or("the server has ended".into())
    }

    /// Waits for a time, or until the server ends, which is an error.
    fn pause(&self, time: Duration) -> Outcome {
        match wait_readable(&[self.pidfd.as_fd()], time)? {
            0 => Ok(()),
            _ => Err("the server has ended".into()),
        }
    }
}

/// Returns a command that `posix_spawn` can run, with its output in a file; a banner is read from a pipe.
fn command(words: &[String], condition: Condition, log: &PathBuf) -> Outcome<Command> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    let out = File::create(log)?;
    command.stderr(out.try_clone()?);
    match condition {
        Condition::Banner => command.stdout(Stdio::piped()),
        _ => command.stdout(out),
    };
    Ok(command)
}

fn pidfd(child: &Child) -> Outcome<OwnedFd> {
    // SAFETY: the call takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: the kernel has just made this descriptor for the caller.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Returns how many of the descriptors became readable within a time.
fn wait_readable(fds: &[std::os::fd::BorrowedFd<'_>], time: Duration) -> Outcome<usize> {
    let mut fds: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    Ok(ppoll(&mut fds, Some(TimeSpec::from(time)), None)? as usize)
}

/// Requests `/` and expects the status 200.
pub fn expect_ok(mut stream: TcpStream) -> Outcome {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    (answer == *b"HTTP/1.1 200").then_some(()).ok_or("the answer is no 200".into())
}

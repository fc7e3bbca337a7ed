//! The launcher of this process, which forks its supervisors.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::supervisor::protocol::{Event, FRAME_LEN, Frame};
use crate::supervisor::settings::{LAUNCHER as VALUE, VARIABLE};
use crate::sys;

/// The time that the launcher may take to fork a supervisor.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The time that the launcher may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// The room for the command line that a supervisor shows, in bytes.
const COMMAND_LINE: usize = 1000;

/// How many launchers are asked, if one is killed meanwhile.
const ATTEMPTS: usize = 3;

static LAUNCHER: Mutex<Option<Launcher>> = Mutex::new(None);

struct Launcher {
    child: Child,
    socket: UnixStream,
    /// What it has inherited from the thread that started it.
    inheritance: Option<Vec<u8>>,
    /// The process that started it. A copy in a fork of that does nothing.
    owner: u32,
}

/// A supervisor that was asked for.
pub(super) struct Launched {
    pub(super) control_socket: UnixStream,
    pub(super) pid: i32,
    /// None if it ended before it could begin.
    pub(super) process: Option<sys::Process>,
    /// The launcher ended by itself: it could not begin.
    pub(super) cannot_begin: bool,
}

/// Starts a supervisor that logs to these files, and sends it the launch.
pub(super) fn launch(logs: &[File; 2], launch: &[u8]) -> io::Result<Launched> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (control_socket, theirs) = UnixStream::pair()?;
        control_socket.set_write_timeout(Some(TIMEOUT))?;
        let launcher = ask(theirs, logs)?;
        let sent = sys::send_all(&control_socket, launch);
        if let Some((pid, process)) = answer(&control_socket)? {
            sent?;
            return Ok(Launched { control_socket, pid, process, cannot_begin: false });
        }
        match end_of(launcher) {
            End::Killed if attempts < ATTEMPTS => {}
            end => {
                let cannot_begin = matches!(end, End::Exited);
                return Ok(Launched { control_socket, pid: launcher, process: None, cannot_begin });
            }
        }
    }
}

/// Asks the launcher for a supervisor with this end of a control socket. Returns the id of the launcher.
fn ask(control_socket: UnixStream, logs: &[File; 2]) -> io::Result<i32> {
    let (inheritance, directory) = (sys::inheritance(), File::open(".").ok());
    let mut fds = vec![control_socket.as_fd(), logs[0].as_fd(), logs[1].as_fd()];
    fds.extend(directory.as_ref().map(AsFd::as_fd));
    let mut current = LAUNCHER.try_lock_for(TIMEOUT).ok_or(io::ErrorKind::TimedOut)?;
    let is_usable = |it: &&Launcher| directory.is_some() && it.has(inheritance.as_deref());
    if let Some(launcher) = current.as_ref().filter(is_usable) {
        match launcher.send(&fds) {
            Ok(()) => return Ok(launcher.pid()),
            Err(error) if !is_hang_up(&error) => return Err(error),
            Err(_) => {} // It was killed.
        }
    }
    *current = None;
    let launcher = current.insert(Launcher::start(logs, inheritance)?);
    match launcher.send(&fds) {
        Err(error) if !is_hang_up(&error) => Err(error),
        _ => Ok(launcher.pid()),
    }
}

/// Waits for the supervisor's first event. Returns none if there is none, because it ended.
fn answer(control_socket: &UnixStream) -> io::Result<Option<(i32, Option<sys::Process>)>> {
    let mut bytes = [0; FRAME_LEN];
    if !sys::wait_readable(&[control_socket.as_fd()], Some(TIMEOUT))?[0] {
        close(); // The next start has another one.
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the launcher does not answer"));
    }
    match sys::receive(control_socket, &mut bytes) {
        Ok((0, _)) => Ok(None),
        Ok((_, fds)) => match Event::from_bytes(bytes) {
            Some(Event::Begun(pid)) => {
                let process = sys::Process::adopt(fds.into_iter().next(), pid);
                Ok(Some((process.as_ref().map_or(pid, sys::Process::pid), process)))
            }
            Some(Event::NotForked(errno)) => Err(io::Error::from_raw_os_error(errno)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        },
        Err(error) if is_hang_up(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has become of a launcher whose supervisor has ended before it could begin.
enum End {
    None,
    Killed,
    Exited,
}

fn end_of(launcher: i32) -> End {
    let Some(mut current) = LAUNCHER.try_lock_for(TIMEOUT) else { return End::None };
    let Some(known) = current.as_mut().filter(|it| it.pid() == launcher) else {
        return End::Killed; // Another thread has noticed.
    };
    let end = match wait_for_exit(&mut known.child, END_TIMEOUT) {
        Ok(None) => return End::None,
        Ok(Some(status)) if status.code().is_some() => End::Exited,
        _ => End::Killed,
    };
    *current = None;
    end
}

/// Ends the launcher, at the exit of this process or if it was paused.
pub(super) fn close() {
    LAUNCHER.try_lock_for(END_TIMEOUT).into_iter().for_each(|mut current| *current = None);
}

impl Launcher {
    /// Executes this program again.
    fn start(logs: &[File; 2], inheritance: Option<Vec<u8>>) -> io::Result<Self> {
        if std::env::var_os(VARIABLE).is_some() {
            // This process was meant to become a launcher, but its constructors did not run. To go on
            // would execute the program without end.
            return Err(io::Error::other("the launcher did not start before `main`"));
        }
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        let mut command = Command::new(sys::own_program()?);
        command
            .arg0("mirakuru-launcher")
            .arg(" ".repeat(COMMAND_LINE))
            .env(VARIABLE, VALUE)
            .stdin(OwnedFd::from(theirs));
        command.stdout(logs[0].try_clone()?).stderr(logs[1].try_clone()?);
        let (child, owner) = (command.spawn()?, std::process::id());
        // Before its first child, a thread has no PID namespace for children if that is a new one.
        let inheritance = inheritance.and_then(|_| sys::inheritance());
        Ok(Self { child, socket, inheritance, owner })
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Returns true if a child of this thread would inherit the same as the launcher has.
    fn has(&self, inheritance: Option<&[u8]>) -> bool {
        self.owner == std::process::id()
            && inheritance.is_some()
            && self.inheritance.as_deref() == inheritance
    }

    fn send(&self, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        sys::send(&self.socket, &[0], fds)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let _ = self.socket.shutdown(Shutdown::Both); // It may be gone already.
        if let Ok(None) = wait_for_exit(&mut self.child, END_TIMEOUT) {
            let _ = self.child.kill(); // It is paused.
            let _ = self.child.wait();
        }
    }
}

/// Returns true if the supervisor has closed its end of the control socket.
pub(crate) fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Waits for the end of a child. Returns none at the time limit.
///
/// # Errors
///
/// The tests have reaped it: its id may be that of another process by now.
fn wait_for_exit(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline => {}
            ended => return Ok(ended),
        }
        sys::wait_readable(&[], Some(Duration::from_millis(1)))?;
    }
}

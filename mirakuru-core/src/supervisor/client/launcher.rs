//! The launcher of this process, which forks its supervisors.

use std::fs::File;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::libc;
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
    /// A start has asked for a supervisor after the one for which it was started.
    has_later_start: bool,
    spare: Option<Spare>,
}

/// A supervisor that waits for the next start.
struct Spare {
    control_socket: UnixStream,
    /// That of the launcher that has forked it.
    inheritance: Vec<u8>,
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

/// The number of descriptors that a launch can have, besides those of the logs and of the directory.
pub(super) const KEPT_MAX: usize = sys::FDS_MAX - 3;

/// Starts a supervisor that logs to these files and keeps `kept` open, and sends it the launch.
pub(super) fn launch(logs: &[File; 2], kept: &[OwnedFd], launch: &[u8]) -> io::Result<Launched> {
    let directory = File::open(".").ok();
    let mut fds: Vec<_> =
        logs.iter().map(AsFd::as_fd).chain(kept.iter().map(AsFd::as_fd)).collect();
    fds.extend(directory.as_ref().map(AsFd::as_fd));
    let spare = directory.as_ref().and_then(|_| take_spare());
    // It reads the launch while this process looks whether the spare is like a child of this thread.
    let begun = spare.and_then(|spare| spare.launch(launch, &fds));
    // It is looked up here, where no other thread waits for this one.
    let known = (begun.is_some() || has_launcher()).then(sys::inheritance).flatten();
    if let Some((launched, its_inheritance)) = begun {
        if known.as_ref() == Some(&its_inheritance) {
            return Ok(launched);
        }
        launched.discard();
    }
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (control_socket, launcher) = ask(logs, directory.is_some(), known.as_deref())?;
        let sent = sys::send_all(&control_socket, launch, &fds);
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

/// Asks a launcher that has the inheritance of this thread for a supervisor. Returns the control socket, and
/// the id of the launcher. One that is not to be kept is for this start alone.
fn ask(logs: &[File; 2], is_kept: bool, known: Option<&[u8]>) -> io::Result<(UnixStream, i32)> {
    let mut current = LAUNCHER.try_lock_for(TIMEOUT).ok_or(io::ErrorKind::TimedOut)?;
    let launcher = match &mut *current {
        Some(launcher) if is_kept && launcher.is_own() && launcher.has(known) => {
            launcher.has_later_start = true;
            launcher
        }
        other => {
            *other = None; // It has to end first.
            other.insert(Launcher::start(logs, is_kept)?)
        }
    };
    Ok((launcher.fork()?, launcher.pid()))
}

fn has_launcher() -> bool {
    LAUNCHER.try_lock_for(TIMEOUT).is_some_and(|current| current.is_some())
}

fn take_spare() -> Option<Spare> {
    let mut current = LAUNCHER.try_lock_for(TIMEOUT)?;
    current.as_mut().filter(|launcher| launcher.is_own())?.spare.take()
}

/// Has the next supervisor forked while the server of this one starts. After the first start there may be no
/// other.
pub(super) fn prepare_next() {
    let Some(mut current) = LAUNCHER.try_lock() else { return };
    let is_usable = |it: &&mut Launcher| it.is_own() && it.has_later_start && it.spare.is_none();
    if let Some(launcher) = current.as_mut().filter(is_usable) {
        let inheritance = launcher.inheritance.clone();
        launcher.spare = inheritance.and_then(|inheritance| {
            Some(Spare { control_socket: launcher.fork().ok()?, inheritance })
        });
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

/// Ends the launcher and the spare supervisor, at the exit of this process or if it was paused.
pub(super) fn close() {
    LAUNCHER.try_lock_for(END_TIMEOUT).into_iter().for_each(|mut current| *current = None);
}

impl Launcher {
    /// Executes this program again.
    fn start(logs: &[File; 2], is_kept: bool) -> io::Result<Self> {
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
        let inheritance = is_kept.then(sys::inheritance).flatten();
        Ok(Self { child, socket, inheritance, owner, has_later_start: false, spare: None })
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Returns true if a child of this thread would inherit the same as the launcher has. `known` is what it
    /// would inherit, if that was looked up before.
    fn has(&self, known: Option<&[u8]>) -> bool {
        let same = |inheritance: &[u8]| match known {
            Some(known) => inheritance == known,
            None => Some(inheritance) == sys::inheritance().as_deref(),
        };
        self.inheritance.as_deref().is_some_and(same)
    }

    fn is_own(&self) -> bool {
        self.owner == std::process::id()
    }

    /// Asks for a supervisor, and returns its control socket. If the launcher has ended, so has the supervisor.
    fn fork(&self) -> io::Result<UnixStream> {
        let (control_socket, theirs) = UnixStream::pair()?;
        control_socket.set_write_timeout(Some(TIMEOUT))?;
        match sys::send(&self.socket, &[0], &[theirs.as_fd()]) {
            Err(error) if !is_hang_up(&error) => Err(error),
            _ => Ok(control_socket),
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if !self.is_own() {
            return;
        }
        self.spare.take().into_iter().for_each(Spare::end);
        let _ = self.socket.shutdown(Shutdown::Both); // It may be gone already.
        if let Ok(None) = wait_for_exit(&mut self.child, END_TIMEOUT) {
            let _ = self.child.kill(); // It is paused.
            let _ = self.child.wait();
        }
    }
}

impl Launched {
    /// Ends it, and waits for that. Nothing was started, and it must not remove what another one makes.
    fn discard(self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGKILL));
        // If the tests have changed their user, it cannot be killed, but it ends by itself.
        let _ = self.control_socket.shutdown(Shutdown::Both); // It may be gone already.
        self.process.iter().for_each(|process| process.wait(Instant::now() + END_TIMEOUT));
    }
}

impl Spare {
    /// Sends it the launch. Returns it with its inheritance, or none if it has ended or does not begin.
    fn launch(self, launch: &[u8], fds: &[BorrowedFd<'_>]) -> Option<(Launched, Vec<u8>)> {
        if sys::send_all(&self.control_socket, launch, fds).is_err() {
            self.end();
            return None;
        }
        let Self { control_socket, inheritance } = self;
        let (pid, process) = answer(&control_socket).ok()??;
        Some((Launched { control_socket, pid, process, cannot_begin: false }, inheritance))
    }

    /// Ends it, and waits for that.
    fn end(self) {
        let Self { control_socket, .. } = self;
        let _ = control_socket.shutdown(Shutdown::Write); // It may be gone already.
        let has_begun = sys::wait_readable(&[control_socket.as_fd()], Some(END_TIMEOUT));
        if !has_begun.is_ok_and(|has_begun| has_begun[0]) {
            return;
        }
        if let Ok(Some((pid, process))) = answer(&control_socket) {
            Launched { control_socket, pid, process, cannot_begin: false }.discard();
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

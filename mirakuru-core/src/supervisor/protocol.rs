//! What a client and the supervisor say to each other. Data only.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// If this variable is set, the process is a supervisor and its value holds the settings.
pub(crate) const VARIABLE: &str = "MIRAKURU_SUPERVISOR";

/// What a server and all that it spawns are marked by, unless they clear their environment: the
/// last resort of a test process whose supervisor was killed.
pub(crate) const MARK_VARIABLE: &str = "MIRAKURU_PROCESS";

/// What the dynamic loader reads. The supervisor is the test binary and needs the test's values;
/// what the server shall have is kept under a name with this prefix until the server is started.
pub(crate) const LOADER_VARIABLES: [&str; 2] = ["LD_LIBRARY_PATH", "LD_PRELOAD"];
pub(crate) const LOADER_PREFIX: &str = "MIRAKURU_SERVER_";

/// The length of every message.
pub(crate) const FRAME_LEN: usize = 16;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Reservation the descriptors that come with this message.
    KeepFds,
    /// Start the server. Its standard input may come with this message.
    Start,
    /// Hand the listening sockets that come with this message to the server.
    Listen,
    /// This process, if it is one of the server's, is the main one.
    Main(i32),
    /// The server is ready.
    Ready,
    /// Send a signal to the main process.
    Signal(i32),
    /// Stop the server, the main process first, with this signal.
    Stop(i32),
    /// Send this signal to everything at once.
    Kill(i32),
    /// Pause everything.
    Pause,
    /// Continue everything.
    Resume,
    /// Let others use the server too, who come to the listening socket that comes with this
    /// message, as long as this process lives.
    Share { runner: i32, started: u64 },
    /// Lease the server for a test.
    Lease { test: u64, exclusive: bool },
    /// Tell how many leases there are.
    Count,
}

/// What the supervisor tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The server was started; its main process has this number.
    Started(i32),
    /// The server could not be started, for this reason (an `errno`).
    Failed(i32),
    /// The main process ended, with this wait status.
    Ended(i32),
    /// The main process ended and left others, of which this one is now the main process.
    MainChanged(i32),
    /// Nothing of the server is left. Non-zero: it had to be killed.
    TreeExited(i32),
    /// The server's folder cannot be made or entered, for this reason (an `errno`).
    NoFolder(i32),
    /// The lease is given; there are so many now.
    Granted(i32),
    /// The test has a lease already, and would wait for itself.
    SelfDeadlock,
    /// The server has ended before the lease could be given.
    LeaseRevoked,
    /// There are so many leases, one of which this process has.
    LeaseCount { leases: i32, holder_pid: i32 },
    /// What comes with this message is read by whoever waits for the server.
    ReadinessFd(ReadinessFd),
}

/// How a server that is starting speaks to whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadinessFd {
    /// By datagrams, as `sd_notify` sends them.
    Notify,
    /// By a line on a descriptor.
    Ready,
}

/// Turns a message into bytes and back. Each is a tag and two numbers.
pub(crate) trait Frame: Sized {
    fn to_parts(self) -> (u32, i32, u64);
    fn from_parts(parts: (u32, i32, u64)) -> Option<Self>;

    fn to_bytes(self) -> [u8; FRAME_LEN] {
        let (tag, value, more) = self.to_parts();
        let mut bytes = [0; FRAME_LEN];
        bytes[..4].copy_from_slice(&tag.to_ne_bytes());
        bytes[4..8].copy_from_slice(&value.to_ne_bytes());
        bytes[8..].copy_from_slice(&more.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; FRAME_LEN]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_first_chunk::<4>()?;
        let more = rest.first_chunk::<8>()?;
        Self::from_parts((
            u32::from_ne_bytes(*tag),
            i32::from_ne_bytes(*value),
            u64::from_ne_bytes(*more),
        ))
    }
}

impl Frame for Request {
    fn to_parts(self) -> (u32, i32, u64) {
        match self {
            Self::KeepFds => (1, 0, 0),
            Self::Start => (2, 0, 0),
            Self::Signal(signal) => (3, signal, 0),
            Self::Stop(signal) => (4, signal, 0),
            Self::Kill(signal) => (5, signal, 0),
            Self::Pause => (6, 0, 0),
            Self::Resume => (7, 0, 0),
            Self::Share { runner, started } => (8, runner, started),
            Self::Lease { test, exclusive } => (9, exclusive.into(), test),
            Self::Count => (10, 0, 0),
            Self::Ready => (11, 0, 0),
            Self::Listen => (12, 0, 0),
            Self::Main(pid) => (13, pid, 0),
        }
    }

    fn from_parts((tag, value, more): (u32, i32, u64)) -> Option<Self> {
        Some(match tag {
            1 => Self::KeepFds,
            2 => Self::Start,
            3 => Self::Signal(value),
            4 => Self::Stop(value),
            5 => Self::Kill(value),
            6 => Self::Pause,
            7 => Self::Resume,
            8 => Self::Share { runner: value, started: more },
            9 => Self::Lease { test: more, exclusive: value != 0 },
            10 => Self::Count,
            11 => Self::Ready,
            12 => Self::Listen,
            13 => Self::Main(value),
            _ => return None,
        })
    }
}

impl Frame for Event {
    fn to_parts(self) -> (u32, i32, u64) {
        match self {
            Self::Started(pid) => (1, pid, 0),
            Self::Failed(errno) => (2, errno, 0),
            Self::Ended(status) => (3, status, 0),
            Self::MainChanged(pid) => (4, pid, 0),
            Self::TreeExited(forced) => (5, forced, 0),
            Self::NoFolder(errno) => (6, errno, 0),
            Self::Granted(users) => (7, users, 0),
            Self::SelfDeadlock => (8, 0, 0),
            Self::LeaseRevoked => (9, 0, 0),
            Self::LeaseCount { leases, holder_pid } => (10, leases, holder_pid as u64),
            Self::ReadinessFd(ReadinessFd::Notify) => (11, 0, 0),
            Self::ReadinessFd(ReadinessFd::Ready) => (12, 0, 0),
        }
    }

    fn from_parts((tag, value, more): (u32, i32, u64)) -> Option<Self> {
        Some(match tag {
            1 => Self::Started(value),
            2 => Self::Failed(value),
            3 => Self::Ended(value),
            4 => Self::MainChanged(value),
            5 => Self::TreeExited(value),
            6 => Self::NoFolder(value),
            7 => Self::Granted(value),
            8 => Self::SelfDeadlock,
            9 => Self::LeaseRevoked,
            10 => Self::LeaseCount { leases: value, holder_pid: more as i32 },
            11 => Self::ReadinessFd(ReadinessFd::Notify),
            12 => Self::ReadinessFd(ReadinessFd::Ready),
            _ => return None,
        })
    }
}

/// What the supervisor has to know when nobody is there any more to tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) stop_signal: i32,
    pub(crate) kill_signal: i32,
    pub(crate) stop_timeout: Duration,
    /// Where the server sends datagrams to. Made by the supervisor, and removed when it ends.
    pub(crate) notify_socket: Option<PathBuf>,
    /// The number of the descriptor on which the server says that it is ready.
    pub(crate) ready_fd: Option<i32>,
    /// Made by the supervisor, and removed when it ends.
    pub(crate) dir: Option<PathBuf>,
    /// The folder that the server runs in.
    pub(crate) current_dir: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn to_variable(&self) -> OsString {
        let Self { stop_signal, kill_signal, stop_timeout, .. } = self;
        let (micros, ready_fd) = (stop_timeout.as_micros(), self.ready_fd.unwrap_or_default());
        let [notify, dir, current_dir] = [&self.notify_socket, &self.dir, &self.current_dir]
            .map(|path| path.as_ref().map_or(&[][..], |path| path.as_os_str().as_bytes()));
        let lengths = format!("{} {}", notify.len(), dir.len());
        let numbers = format!("{stop_signal} {kill_signal} {micros} {ready_fd} {lengths} ");
        OsString::from_vec([numbers.as_bytes(), notify, dir, current_dir].concat())
    }

    pub(crate) fn from_variable(value: &OsStr) -> Option<Self> {
        let mut fields = value.as_bytes().splitn(7, |byte| *byte == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
        let stop_signal = i32::try_from(number()?).ok()?;
        let kill_signal = i32::try_from(number()?).ok()?;
        let stop_timeout = Duration::from_micros(number()?);
        let ready_fd = i32::try_from(number()?).ok()?;
        let notify_len = usize::try_from(number()?).ok()?;
        let dir_len = usize::try_from(number()?).ok()?;
        let (notify, rest) = fields.next()?.split_at_checked(notify_len)?;
        let (dir, current_dir) = rest.split_at_checked(dir_len)?;
        let path =
            |bytes: &[u8]| (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes)));
        Some(Self {
            stop_signal,
            kill_signal,
            stop_timeout,
            notify_socket: path(notify),
            ready_fd: (ready_fd != 0).then_some(ready_fd),
            dir: path(dir),
            current_dir: path(current_dir),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_survives_the_wire() {
        for request in [
            Request::KeepFds,
            Request::Start,
            Request::Signal(1),
            Request::Stop(15),
            Request::Kill(9),
            Request::Pause,
            Request::Resume,
            Request::Share { runner: 7, started: u64::MAX },
            Request::Lease { test: 1 << 40, exclusive: true },
            Request::Lease { test: 0, exclusive: false },
            Request::Count,
            Request::Ready,
            Request::Listen,
            Request::Main(7),
        ] {
            assert_eq!(Request::from_bytes(request.to_bytes()), Some(request));
        }
    }

    #[test]
    fn every_event_survives_the_wire() {
        for event in [
            Event::Started(1),
            Event::Failed(2),
            Event::Ended(-9),
            Event::MainChanged(7),
            Event::TreeExited(1),
            Event::NoFolder(2),
            Event::Granted(3),
            Event::SelfDeadlock,
            Event::LeaseRevoked,
            Event::LeaseCount { leases: 4, holder_pid: 1234 },
            Event::ReadinessFd(ReadinessFd::Notify),
            Event::ReadinessFd(ReadinessFd::Ready),
        ] {
            assert_eq!(Event::from_bytes(event.to_bytes()), Some(event));
        }
    }

    #[test]
    fn an_unknown_message_is_told_from_a_known_one() {
        assert_eq!(Request::from_bytes([0xff; FRAME_LEN]), None);
        assert_eq!(Event::from_bytes([0; FRAME_LEN]), None);
    }

    #[test]
    fn settings_survive_the_environment() {
        for dir in [
            None,
            Some(PathBuf::from("/tmp/a b")),
            Some(PathBuf::from(OsStr::from_bytes(b"/\xff"))),
        ] {
            let settings = Settings {
                stop_signal: 2,
                kill_signal: 9,
                stop_timeout: Duration::from_millis(1500),
                notify_socket: dir.clone(),
                ready_fd: dir.is_some().then_some(3),
                current_dir: dir.clone(),
                dir,
            };
            assert_eq!(Settings::from_variable(&settings.to_variable()), Some(settings));
        }
    }

    #[test]
    fn what_is_no_settings_is_refused() {
        for text in ["", "1", "15 9", "15 9 x 0 0 0 /tmp", "15 9 1 0 0 9 /tmp"] {
            assert_eq!(Settings::from_variable(OsStr::new(text)), None, "{text}");
        }
    }
}

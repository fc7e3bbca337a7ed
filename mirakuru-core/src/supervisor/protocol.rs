//! The messages between clients and the supervisor. Data only.

use super::lease_queue::Access;

/// The length of every message.
pub(crate) const FRAME_LEN: usize = 16;

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Keeps the attached descriptors open.
    KeepFds,
    /// Starts a program.
    Start(Start),
    /// Runs the command of the job in the attached file beside the server.
    RunStep,
    /// Passes the attached listening sockets to the server.
    Listen,
    /// Announces the main process of the server.
    Main(i32),
    /// Notes that the server is ready.
    Ready,
    /// Sends a signal to the main process.
    Signal(i32),
    /// Stops the server with this signal, the main process first.
    Stop(i32),
    /// Sends this signal to everything at once.
    Kill(i32),
    /// Pauses everything.
    Pause,
    /// Continues everything.
    Resume,
    /// Shares the server with the processes that connect to the attached listening socket in the attached
    /// directory, as long as the runner lives.
    Share { runner: i32, started: u64 },
    /// Requests a lease for a test.
    Lease { test: u64, access: Access },
    /// Says whether a test has changed the server so that it cannot be used after the exclusive lease.
    Dirty(bool),
    /// Withdraws the request for a lease, because of its time limit.
    GiveUp,
    /// Asks for the number of leases.
    Count,
    /// Asks for an answer when what the server has written so far is in its log.
    Sync(i32),
    /// Keeps the attached writing end of the server's standard input open until the server is stopped.
    KeepStdin,
    /// Asks for the descriptor of `KeepStdin`.
    TakeStdin,
    /// Keeps the server running for so many milliseconds, also when it has no users any more.
    KeepRunning(u64),
    /// Attached are the ends of pairs whose other ends the supervisors of needed servers have.
    Need,
    /// Attached is the end of a pair whose other end the supervisor of a dependant has, which takes so
    /// many milliseconds to stop.
    NeededBy(u64),
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// A step before the server: the command of the job in the attached file. Otherwise the server; the
    /// attached descriptor, if any, is its standard input.
    pub(crate) is_step: bool,
    /// The files of the server are written first.
    pub(crate) writes_files: bool,
}

impl Start {
    /// The server, without files.
    pub(crate) const SERVER: Self = Self { is_step: false, writes_files: false };
}

/// An event that the supervisor sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The first one: the supervisor runs; its id. Attached is a descriptor of it, where there are such.
    Begun(i32),
    /// The launcher could not fork the supervisor; an `errno`.
    NotForked(i32),
    /// The supervisor could not begin. Its log says why.
    CannotBegin,
    /// The server runs; the id of its main process.
    Started(i32),
    /// The program could not be run; an `errno`.
    StartFailed(i32),
    /// The main process ended; its wait status.
    Ended(i32),
    /// Another process is the main one now.
    MainChanged(i32),
    /// Nothing of the server is left. Non-zero if it was killed at the stop timeout.
    TreeExited(i32),
    /// The directory cannot be made or entered; an `errno`.
    NoDirectory(i32),
    /// The socket for `sd_notify` could not be made; an `errno`.
    NoSocket(i32),
    /// This file of the job could not be written; an `errno`.
    NoFile { file: u32, errno: i32 },
    /// The step beside the server ended; its wait status.
    StepEnded(i32),
    /// The step beside the server could not be run; an `errno`.
    StepFailed(i32),
    /// The lease is granted; the number of leases.
    Granted(i32),
    /// The request would wait for a lease of the same test.
    SelfDeadlock,
    /// The request would wait for a lease that another one has given up waiting for.
    LeaseOverdue,
    /// The server has ended before the lease was granted.
    LeaseRevoked,
    /// The number of leases, a process that has one, and how many times one began or ended.
    LeaseCount { leases: i32, holder_pid: i32, hand_overs: u32 },
    /// Attached is the reading end of a readiness descriptor.
    ReadinessFd(ReadinessFd),
    /// Attached is the reading end of a pipe for output. It is not to be read from.
    OutputPipe,
    /// The answer to the request with this number.
    Synced(i32),
    /// Output cannot be logged and is lost; an `errno`.
    LogFailed(i32),
    /// The server has asked for so many microseconds, from now on, to end by itself.
    StopExtended(u64),
    /// The server cannot be ended, because this process of it cannot be signalled.
    Refused(i32),
    /// Attached is the writing end of the server's standard input.
    Stdin,
    /// The supervisor does not adopt orphans of the server.
    OrphansAreLost,
}

/// A descriptor on which a server announces that it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadinessFd {
    /// The socket for datagrams of `sd_notify`.
    Notify,
    /// The pipe for a line.
    Ready,
}

/// Encodes a message as a tag and two numbers.
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
            Self::Start(Start { is_step, writes_files }) => {
                (2, is_step.into(), writes_files.into())
            }
            Self::Signal(signal) => (3, signal, 0),
            Self::Stop(signal) => (4, signal, 0),
            Self::Kill(signal) => (5, signal, 0),
            Self::Pause => (6, 0, 0),
            Self::Resume => (7, 0, 0),
            Self::Share { runner, started } => (8, runner, started),
            Self::Lease { test, access } => (9, access as i32, test),
            Self::Count => (10, 0, 0),
            Self::Ready => (11, 0, 0),
            Self::Listen => (12, 0, 0),
            Self::Main(pid) => (13, pid, 0),
            Self::Sync(number) => (14, number, 0),
            Self::GiveUp => (15, 0, 0),
            Self::KeepStdin => (16, 0, 0),
            Self::TakeStdin => (17, 0, 0),
            Self::KeepRunning(millis) => (20, 0, millis),
            Self::RunStep => (18, 0, 0),
            Self::Dirty(is_dirty) => (19, is_dirty.into(), 0),
            Self::Need => (21, 0, 0),
            Self::NeededBy(millis) => (22, 0, millis),
        }
    }

    fn from_parts((tag, value, more): (u32, i32, u64)) -> Option<Self> {
        Some(match tag {
            1 => Self::KeepFds,
            2 => Self::Start(Start { is_step: value != 0, writes_files: more != 0 }),
            3 => Self::Signal(value),
            4 => Self::Stop(value),
            5 => Self::Kill(value),
            6 => Self::Pause,
            7 => Self::Resume,
            8 => Self::Share { runner: value, started: more },
            9 => Self::Lease {
                test: more,
                access: Access::ALL.into_iter().find(|it| *it as i32 == value)?,
            },
            10 => Self::Count,
            11 => Self::Ready,
            12 => Self::Listen,
            13 => Self::Main(value),
            14 => Self::Sync(value),
            15 => Self::GiveUp,
            16 => Self::KeepStdin,
            17 => Self::TakeStdin,
            20 => Self::KeepRunning(more),
            18 => Self::RunStep,
            19 => Self::Dirty(value != 0),
            21 => Self::Need,
            22 => Self::NeededBy(more),
            _ => return None,
        })
    }
}

impl Frame for Event {
    fn to_parts(self) -> (u32, i32, u64) {
        match self {
            Self::Started(pid) => (1, pid, 0),
            Self::StartFailed(errno) => (2, errno, 0),
            Self::Ended(status) => (3, status, 0),
            Self::MainChanged(pid) => (4, pid, 0),
            Self::TreeExited(forced) => (5, forced, 0),
            Self::NoDirectory(errno) => (6, errno, 0),
            Self::Granted(users) => (7, users, 0),
            Self::SelfDeadlock => (8, 0, 0),
            Self::LeaseRevoked => (9, 0, 0),
            Self::LeaseCount { leases, holder_pid, hand_overs } => {
                (10, leases, u64::from(hand_overs) << 32 | u64::from(holder_pid as u32))
            }
            Self::ReadinessFd(ReadinessFd::Notify) => (11, 0, 0),
            Self::ReadinessFd(ReadinessFd::Ready) => (12, 0, 0),
            Self::OutputPipe => (13, 0, 0),
            Self::Synced(number) => (14, number, 0),
            Self::LogFailed(errno) => (15, errno, 0),
            Self::StopExtended(micros) => (16, 0, micros),
            Self::Refused(pid) => (17, pid, 0),
            Self::LeaseOverdue => (18, 0, 0),
            Self::Stdin => (19, 0, 0),
            Self::NoSocket(errno) => (20, errno, 0),
            Self::NoFile { file, errno } => (21, errno, file.into()),
            Self::StepEnded(status) => (22, status, 0),
            Self::StepFailed(errno) => (23, errno, 0),
            Self::OrphansAreLost => (24, 0, 0),
            Self::Begun(pid) => (25, pid, 0),
            Self::NotForked(errno) => (26, errno, 0),
            Self::CannotBegin => (27, 0, 0),
        }
    }

    fn from_parts((tag, value, more): (u32, i32, u64)) -> Option<Self> {
        Some(match tag {
            1 => Self::Started(value),
            2 => Self::StartFailed(value),
            3 => Self::Ended(value),
            4 => Self::MainChanged(value),
            5 => Self::TreeExited(value),
            6 => Self::NoDirectory(value),
            7 => Self::Granted(value),
            8 => Self::SelfDeadlock,
            9 => Self::LeaseRevoked,
            10 => Self::LeaseCount {
                leases: value,
                holder_pid: more as i32,
                hand_overs: (more >> 32) as u32,
            },
            11 => Self::ReadinessFd(ReadinessFd::Notify),
            12 => Self::ReadinessFd(ReadinessFd::Ready),
            13 => Self::OutputPipe,
            14 => Self::Synced(value),
            15 => Self::LogFailed(value),
            16 => Self::StopExtended(more),
            17 => Self::Refused(value),
            18 => Self::LeaseOverdue,
            19 => Self::Stdin,
            20 => Self::NoSocket(value),
            21 => Self::NoFile { file: more as u32, errno: value },
            22 => Self::StepEnded(value),
            23 => Self::StepFailed(value),
            24 => Self::OrphansAreLost,
            25 => Self::Begun(value),
            26 => Self::NotForked(value),
            27 => Self::CannotBegin,
            _ => return None,
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
            Request::Start(Start { is_step: false, writes_files: true }),
            Request::Start(Start { is_step: true, writes_files: false }),
            Request::RunStep,
            Request::Dirty(true),
            Request::Dirty(false),
            Request::Signal(1),
            Request::Stop(15),
            Request::Kill(9),
            Request::Pause,
            Request::Resume,
            Request::Share { runner: 7, started: u64::MAX },
            Request::Lease { test: 1 << 40, access: Access::Exclusive },
            Request::Lease { test: 0, access: Access::Shared },
            Request::Lease { test: 0, access: Access::Need },
            Request::Count,
            Request::Ready,
            Request::Listen,
            Request::Main(7),
            Request::Sync(3),
            Request::GiveUp,
            Request::KeepStdin,
            Request::TakeStdin,
            Request::KeepRunning(u64::MAX),
            Request::Need,
            Request::NeededBy(1),
        ] {
            assert_eq!(Request::from_bytes(request.to_bytes()), Some(request));
        }
    }

    #[test]
    fn every_event_survives_the_wire() {
        for event in [
            Event::Begun(1),
            Event::NotForked(11),
            Event::CannotBegin,
            Event::Started(1),
            Event::StartFailed(2),
            Event::Ended(-9),
            Event::MainChanged(7),
            Event::TreeExited(1),
            Event::NoDirectory(2),
            Event::NoSocket(2),
            Event::NoFile { file: 1, errno: 2 },
            Event::StepEnded(256),
            Event::StepFailed(2),
            Event::OrphansAreLost,
            Event::Granted(3),
            Event::SelfDeadlock,
            Event::LeaseRevoked,
            Event::LeaseOverdue,
            Event::LeaseCount { leases: 4, holder_pid: -1, hand_overs: u32::MAX },
            Event::ReadinessFd(ReadinessFd::Notify),
            Event::ReadinessFd(ReadinessFd::Ready),
            Event::OutputPipe,
            Event::Synced(3),
            Event::LogFailed(28),
            Event::StopExtended(u64::MAX),
            Event::Refused(7),
            Event::Stdin,
        ] {
            assert_eq!(Event::from_bytes(event.to_bytes()), Some(event));
        }
    }

    #[test]
    fn an_unknown_message_is_told_from_a_known_one() {
        assert_eq!(Request::from_bytes([0xff; FRAME_LEN]), None);
        assert_eq!(Event::from_bytes([0; FRAME_LEN]), None);
    }
}

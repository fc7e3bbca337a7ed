//! The stages of ending a server: which processes get which signal, and when.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::libc;

use crate::supervisor::settings::Settings;

/// The time between a kill signal other than SIGKILL and the SIGKILL that follows it.
const KILL_SIGNAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The time after which a main process that is still there may wait for a process that is paused.
const ENDS_WITHIN: Duration = Duration::from_millis(10);

/// The part of the stop timeout after which a main process that is still there counts as one that
/// keeps the signal to itself.
const ALONE_FOR: u32 = 10;

pub(super) enum Stage {
    /// There is no server.
    Idle,
    Running,
    Stopping(Stop),
    /// Everything gets SIGKILL until nothing is left.
    Killing,
}

impl Stage {
    /// Returns true if a stop that begins with this wave would be gentler than what happens already.
    pub(super) fn is_killing(&self, wave: Wave) -> bool {
        match self {
            Self::Killing => true,
            Self::Stopping(before) => !before.is_gentle && wave != Wave::All,
            Self::Idle | Self::Running => false,
        }
    }
}

/// A stop by a signal that processes can handle.
pub(super) struct Stop {
    pub(super) signal: i32,
    pub(super) deadline: Instant,
    pub(super) wave: Wave,
    /// The processes that were sent the signal.
    pub(super) signalled: HashSet<i32>,
    /// When what is paused is continued, if that has not happened.
    continues_at: Option<Instant>,
    /// When everything gets the signal, whatever the main process does.
    widened_at: Instant,
    /// SIGKILL follows at the deadline, instead of the configured kill signal.
    pub(super) is_last: bool,
    /// The server may ask for more time.
    is_gentle: bool,
}

/// The processes that a stop has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wave {
    /// The main process, which ends its own children if it can.
    Main,
    /// The children of the supervisor: what the main process has left behind when it ended.
    Children,
    /// Everything.
    All,
}

impl Stop {
    /// Sends a stop signal to the main process, then to what it leaves behind, and to everything if
    /// it keeps the signal to itself.
    pub(super) fn gentle(signal: i32, settings: &Settings) -> Self {
        let now = Instant::now();
        Self {
            signal,
            deadline: now + settings.stop_timeout,
            wave: Wave::Main,
            signalled: HashSet::new(),
            continues_at: Some(now + ENDS_WITHIN),
            widened_at: now + settings.stop_timeout / ALONE_FOR,
            is_last: settings.kill_signal == libc::SIGKILL,
            is_gentle: true,
        }
    }

    /// Sends the user's kill signal to everything at once.
    pub(super) fn kill(signal: i32) -> Self {
        let now = Instant::now();
        Self {
            signal,
            deadline: now + KILL_SIGNAL_TIMEOUT,
            wave: Wave::All,
            signalled: HashSet::new(),
            continues_at: None,
            widened_at: now,
            is_last: true,
            is_gentle: false,
        }
    }

    /// Returns true once: when the main process is still there, and alone has the signal.
    pub(super) fn is_time_to_continue(&mut self, now: Instant) -> bool {
        let is_late = self.continues_at.take_if(|at| now >= *at).is_some();
        is_late && self.wave == Wave::Main
    }

    /// Goes on to the next wave when it is time for it.
    pub(super) fn advance(&mut self, now: Instant, main_ended: bool) {
        if main_ended {
            self.wave = self.wave.max(Wave::Children);
        }
        if now >= self.widened_at {
            self.wave = Wave::All;
        }
    }

    /// Gives the server more time. Returns true if it was granted.
    pub(super) fn extend(&mut self, more: Duration) -> bool {
        let deadline = crate::sys::deadline_after(more);
        let is_longer = self.is_gentle && deadline > self.deadline;
        if is_longer {
            self.deadline = deadline;
        }
        is_longer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop() -> Stop {
        Stop::gentle(
            libc::SIGTERM,
            &Settings {
                stop_signal: libc::SIGTERM,
                kill_signal: libc::SIGKILL,
                stop_timeout: Duration::from_secs(10),
                notify_socket: None,
                ready_fd: None,
                dir: None,
                current_dir: None,
                log_lengths: [0; 2],
            },
        )
    }

    #[test]
    fn a_stop_reaches_what_is_left_when_the_main_process_has_ended() {
        let (mut stop, now) = (stop(), Instant::now());
        stop.advance(now, false);
        assert_eq!(stop.wave, Wave::Main);
        stop.advance(now, true);
        assert_eq!(stop.wave, Wave::Children);
    }

    #[test]
    fn a_stop_reaches_everything_after_a_tenth_of_its_time() {
        let (mut stop, now) = (stop(), Instant::now());
        stop.advance(now + Duration::from_millis(1100), false);
        assert_eq!(stop.wave, Wave::All);
        stop.advance(now, true);
        assert_eq!(stop.wave, Wave::All);
    }

    #[test]
    fn only_a_gentle_stop_can_be_extended() {
        let mut gentle = stop();
        assert!(!gentle.extend(Duration::from_secs(1)));
        assert!(gentle.extend(Duration::from_secs(60)));
        assert!(gentle.deadline > Instant::now() + Duration::from_secs(50));
        assert!(!Stop::kill(libc::SIGABRT).extend(Duration::from_secs(60)));
    }
}

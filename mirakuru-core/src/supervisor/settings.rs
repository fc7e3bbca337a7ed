//! What a supervisor needs to know beside its job.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// Makes a process a launcher. Another version of this library in the same program has another variable.
pub(crate) const VARIABLE: &str = concat!(
    "MIRAKURU_SUPERVISOR_",
    env!("CARGO_PKG_VERSION_MAJOR"),
    "_",
    env!("CARGO_PKG_VERSION_MINOR"),
    "_",
    env!("CARGO_PKG_VERSION_PATCH"),
    env!("CARGO_PKG_VERSION_PRE"),
);

/// The value of the variable.
pub(crate) const LAUNCHER: &str = "launcher";

/// The extension of the manifest of a server that is no longer shared, until nothing of it is left.
pub(crate) const ENDED: &str = "ended";

/// Everything that the supervisor needs after the test process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) stop_signal: i32,
    pub(crate) kill_signal: i32,
    pub(crate) stop_timeout: Duration,
    /// The socket for `sd_notify`, which the supervisor makes and removes.
    pub(crate) notify_socket: Option<PathBuf>,
    /// The number of the descriptor on which the server writes a line when it is ready.
    pub(crate) ready_fd: Option<i32>,
    /// The temporary directory, which the supervisor makes and removes.
    pub(crate) dir: Option<PathBuf>,
    /// The working directory of the server.
    pub(crate) current_dir: Option<PathBuf>,
    /// The lengths of the logs of standard output and standard error. What the loader and the libraries
    /// of `LD_PRELOAD` add before the launcher begins is no output of the server.
    pub(crate) log_lengths: [u64; 2],
}

impl Settings {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { stop_signal, kill_signal, stop_timeout, .. } = self;
        let (micros, ready_fd) = (stop_timeout.as_micros(), self.ready_fd.unwrap_or_default());
        let [notify, dir, current_dir] = [&self.notify_socket, &self.dir, &self.current_dir]
            .map(|path| path.as_ref().map_or(&[][..], |path| path.as_os_str().as_bytes()));
        let [stdout, stderr] = self.log_lengths;
        let lengths = format!("{stdout} {stderr} {} {}", notify.len(), dir.len());
        let numbers = format!("{stop_signal} {kill_signal} {micros} {ready_fd} {lengths} ");
        [numbers.as_bytes(), notify, dir, current_dir].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut fields = bytes.splitn(9, |byte| *byte == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
        let stop_signal = i32::try_from(number()?).ok()?;
        let kill_signal = i32::try_from(number()?).ok()?;
        let stop_timeout = Duration::from_micros(number()?);
        let ready_fd = i32::try_from(number()?).ok()?;
        let log_lengths = [number()?, number()?];
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
            log_lengths,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_wire() {
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
                log_lengths: [0, u64::MAX],
            };
            assert_eq!(Settings::from_bytes(&settings.to_bytes()), Some(settings));
        }
    }

    #[test]
    fn what_is_no_settings_is_refused() {
        for text in ["", "1", "15 9", "15 9 x 0 0 0 0 0 /tmp", "15 9 1 0 0 0 0 9 /tmp"] {
            assert_eq!(Settings::from_bytes(text.as_bytes()), None, "{text}");
        }
    }
}
